//! Servers in directories of their own, and clients of every kind.

use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, panic};

use super::*;
use crate::uapi::tests::InMemory;

/// Serves an interface in memory in a directory of its own.
fn with_server(test: impl FnOnce(&Path, &Arc<InMemory>)) {
    in_a_directory(|directory| {
        let device = Arc::new(InMemory::default());
        let serving = Server::bind_in(directory, "wg0").unwrap().serve(device.clone()).unwrap();
        test(&directory.join("wg0.sock"), &device);
        drop(serving);
        assert!(!directory.join("wg0.sock").exists(), "the file stays behind");
    });
}

fn in_a_directory(test: impl FnOnce(&Path)) {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("nanami-uapi-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let directory = std::env::temp_dir().join(name);
    let outcome = panic::catch_unwind(panic::AssertUnwindSafe(|| test(&directory)));
    let _there_may_be_none = fs::remove_dir_all(&directory);
    outcome.unwrap_or_else(|panic| panic::resume_unwind(panic));
}

fn ask(stream: &mut UnixStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).unwrap();
    let (mut answer, mut byte) = (Vec::new(), [0]);
    while !answer.ends_with(b"\n\n") {
        stream.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    String::from_utf8(answer).unwrap()
}

#[test]
fn one_connection_carries_many_requests() {
    with_server(|path, _| {
        let mut client = UnixStream::connect(path).unwrap();
        assert_eq!(ask(&mut client, "set=1\nlisten_port=7\n\n"), "errno=0\n\n");
        assert_eq!(ask(&mut client, "set=1\nlisten_port=x\n\n"), "errno=-22\n\n");
        assert_eq!(ask(&mut client, "get=1\n\n"), "listen_port=7\nerrno=0\n\n");
    });
}

#[test]
fn sec_52_stalled_clients_hold_up_nobody() {
    with_server(|path, _| {
        // More of them than there is room for, each in another state of stalling.
        let stalled: Vec<_> = (0..3 * MAX_CLIENTS)
            .map(|n| {
                let mut client = UnixStream::connect(path).unwrap();
                client.write_all(["", "set=1\nlisten_", "set=1\nlisten_port=9\n"][n % 3].as_bytes()).unwrap();
                client
            })
            .collect();
        let mut client = UnixStream::connect(path).unwrap();
        assert_eq!(ask(&mut client, "get=1\n\n"), "errno=0\n\n");
        drop(stalled);
        assert_eq!(ask(&mut client, "get=1\n\n"), "errno=0\n\n", "what was cut short was applied");
    });
}

#[test]
fn sec_52_a_client_that_does_not_read_holds_up_neither_others_nor_the_end() {
    with_server(|path, device| {
        let mut request = String::from("set=1\n");
        for n in 0..2000u16 {
            let key = nanami_model::PrivateKey::from_bytes([n.to_be_bytes(); 16].concat().try_into().unwrap()).public();
            request += &format!("public_key={}\n", crate::uapi::tests::hex(key.as_bytes()));
        }
        let mut client = UnixStream::connect(path).unwrap();
        assert_eq!(ask(&mut client, &(request + "\n")), "errno=0\n\n");
        assert_eq!(device.config.lock().unwrap().peers(None).count(), 2000);
        // Its answer is larger than what the operating system takes for it.
        let mut deaf = UnixStream::connect(path).unwrap();
        deaf.write_all(b"get=1\n\n").unwrap();
        deaf.read_exact(&mut [0; 1]).unwrap();
        assert_eq!(ask(&mut client, "get=1\n\n").matches("public_key").count(), 2000);
        assert_eq!(ask(&mut client, "set=1\nlisten_port=7\n\n"), "errno=0\n\n");
    });
}

#[test]
fn sec_52_a_connection_that_is_cut_applies_nothing() {
    with_server(|path, device| {
        for cut in ["set=1\nlisten_port=5", "set=1\nlisten_port=5\n", "set=1\nlisten_port=5182"] {
            let mut client = UnixStream::connect(path).unwrap();
            client.write_all(cut.as_bytes()).unwrap();
            client.shutdown(std::net::Shutdown::Write).unwrap();
            assert_eq!(client.read(&mut [0; 1]).unwrap(), 0, "it was answered");
        }
        assert_eq!(device.config.lock().unwrap().listen_port(), 0);
    });
}

#[test]
fn sec_52_the_socket_and_a_new_directory_are_for_their_owner_only() {
    with_server(|path, _| {
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(path), mode(path.parent().unwrap())), (0o600, 0o700));
        let files = fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(files, 1, "something is left behind");
    });
}

#[test]
fn a_socket_that_is_served_is_in_use_and_one_that_nobody_serves_is_replaced() {
    in_a_directory(|directory| {
        let bind = || Server::bind_in(directory, "wg0");
        let server = bind().unwrap();
        assert!(matches!(bind(), Err(BindError::InUse { .. })));
        assert_eq!(bind().unwrap_err().code(), "host.address_in_use");
        let path = server.path().to_owned();
        let serving = server.serve(Arc::new(InMemory::default())).unwrap();
        assert!(matches!(bind(), Err(BindError::InUse { .. })));
        assert!(path.exists());
        drop(serving);
        // A process that was killed leaves its file behind.
        drop(UnixListener::bind(&path).unwrap());
        let before = fs::metadata(&path).unwrap().ino();
        let server = bind().unwrap();
        assert_ne!(fs::metadata(&path).unwrap().ino(), before);
        drop(server);
        fs::write(&path, "somebody's notes").unwrap();
        assert!(matches!(bind(), Err(BindError::NotASocket { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"somebody's notes");
        assert!(matches!(Server::bind_in(directory, "../wg0"), Err(BindError::Name { .. })));
    });
}

#[test]
fn of_many_that_bind_at_once_one_succeeds() {
    in_a_directory(|directory| {
        fs::create_dir(directory).unwrap();
        drop(UnixListener::bind(directory.join("wg0.sock")).unwrap());
        let bind = || Server::bind_in(directory, "wg0");
        let bound = thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(bind)).collect();
            threads.into_iter().filter_map(|thread| thread.join().unwrap().ok()).collect::<Vec<_>>()
        });
        assert_eq!(bound.len(), 1);
        assert!(UnixStream::connect(bound[0].path()).is_ok());
    });
}

#[test]
fn a_file_that_is_not_ours_any_more_stays() {
    in_a_directory(|directory| {
        let server = Server::bind_in(directory, "wg0").unwrap();
        let path = server.path().to_owned();
        fs::remove_file(&path).unwrap();
        let _theirs = UnixListener::bind(&path).unwrap();
        drop(server);
        assert!(path.exists());
    });
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[test]
fn the_watch_says_when_the_file_is_gone_and_not_before() {
    in_a_directory(|directory| {
        for how in [|path: &Path| fs::remove_file(path), |path: &Path| fs::rename(path, path.with_extension("old"))] {
            let server = Server::bind_in(directory, "wg0").unwrap();
            let watch = server.watch().unwrap();
            let readable = || {
                let mut fds = [PollFd::new(&watch, PollFlags::IN)];
                poll(&mut fds, Some(&rustix::event::Timespec::default())).unwrap() == 1
            };
            let _connected = UnixStream::connect(server.path()).unwrap();
            assert!(!readable() && !watch.is_gone());
            // Something else about it may change.
            fs::set_permissions(server.path(), fs::Permissions::from_mode(0o600)).unwrap();
            assert!(readable() && !watch.is_gone() && !readable());
            how(server.path()).unwrap();
            assert!(readable() && watch.is_gone());
        }
    });
}
