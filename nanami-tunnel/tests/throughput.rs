//! One stream, a lot of bytes. The figure means something only with `--release -- --nocapture`.

mod common;

use common::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_stream_carries_a_lot_and_every_byte_of_it() {
    let bytes: usize = if cfg!(debug_assertions) { 4 << 20 } else { 64 << 20 };
    let (client, server) = pair().await;
    let mut listener = server.net.listen(443).unwrap();
    let receive = tokio::spawn(async move {
        let mut stream = listener.accept().await.unwrap();
        let (mut hasher, mut buffer) = (blake3::Hasher::new(), vec![0; 64 * 1024]);
        loop {
            match stream.read(&mut buffer).await.unwrap() {
                0 => return hasher.finalize(),
                length => hasher.update(&buffer[..length]),
            };
        }
    });
    let mut stream = within(client.net.dial(at(1, 443))).await.unwrap();
    let (mut hasher, mut sent, started) = (blake3::Hasher::new(), 0, std::time::Instant::now());
    let mut chunk = vec![0; 64 * 1024];
    while sent < bytes {
        chunk.iter_mut().enumerate().for_each(|(i, byte)| *byte = (i ^ (sent >> 16)) as u8);
        hasher.update(&chunk);
        stream.write_all(&chunk).await.unwrap();
        sent += chunk.len();
    }
    stream.shutdown().await.unwrap();
    let received = within(receive).await.unwrap();
    let seconds = started.elapsed().as_secs_f64();
    println!("{:.0} MiB/s, {:?}", sent as f64 / f64::from(1 << 20) / seconds, stream.stats());
    assert_eq!(received, hasher.finalize());
}
