use std::net::IpAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::interface::{HostPipe, Pipe, pipe};
use crate::netstack::{Medium, on_pipe};

/// A client whose packets go to one of two gateways of a segment, whichever `chosen` says; the gateways answer it directly.
fn client(gateways: [Interface; 2], chosen: Arc<std::sync::atomic::AtomicUsize>) -> Netstack {
    let (host, mut client): (HostPipe, Pipe) = pipe();
    let (netstack, run) = on_pipe(Medium::Ip, host);
    tokio::spawn(run);
    let map = nanami_model::NetworkMap::new([IpAddr::from([10, 43, 0, 1])]);
    netstack.inside().configure(&map, crate::engine::DEFAULT_MTU).unwrap();
    let mut pipes = gateways.map(|gateway| {
        let (pipe, run) = gateway.into_queues();
        tokio::spawn(run.expect("a gateway runs"));
        pipe.addresses.send_replace(vec![IpAddr::from([10, 42, 0, 2])]);
        pipe
    });
    tokio::spawn(async move {
        let _addresses_stay = (&pipes[0].addresses, &pipes[1].addresses);
        let [first, second] = &mut pipes;
        loop {
            tokio::select! {
                Some(packet) = client.from_host.recv() => {
                    let to = [&first.to_host, &second.to_host][chosen.load(std::sync::atomic::Ordering::SeqCst)];
                    let _lost = to.send(packet).await;
                }
                Some(packet) = first.from_host.recv() => client.to_host.send(packet).await.unwrap(),
                Some(packet) = second.from_host.recv() => client.to_host.send(packet).await.unwrap(),
                else => return,
            }
        }
    });
    netstack
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_answers_through_the_gateway_that_it_last_heard_from() {
    let segment = Segment::new();
    let vpc: Cidr = "10.60.0.0/16".parse().unwrap();
    let service = segment.host([10, 60, 0, 10].into(), vpc);
    let mut listener = service.listen(443).unwrap();
    let gateways = [1, 2].map(|n| segment.gateway([10, 60, 0, n].into(), vpc));
    let [one, two] = gateways;
    let chosen = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let client = client([one.1, two.1], chosen.clone());
    tokio::spawn(async move {
        while let Ok(mut stream) = listener.accept().await {
            tokio::spawn(async move {
                let mut byte = [0];
                while let Ok(1) = stream.read(&mut byte).await {
                    stream.write_all(&byte).await.unwrap();
                }
            });
        }
    });
    let mut stream = loop {
        match client.dial(([10, 60, 0, 10], 443)).await {
            Ok(stream) => break stream,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    for (byte, gateway) in [(1, 0), (2, 0), (3, 1), (4, 1), (5, 0)] {
        chosen.store(gateway, std::sync::atomic::Ordering::SeqCst);
        stream.write_all(&[byte]).await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), byte);
    }
}
