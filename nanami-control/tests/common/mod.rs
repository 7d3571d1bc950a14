//! A control plane on a loopback port, for tests over real sockets.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::{path::Path, time::Duration};

use nanami_control::{
    ControlPlane, LiveWorkspace,
    agent::{Agent, AgentView},
    store::Sqlite,
};
use nanami_model::{JoinKey, JoinString, PeerId, User, name};
use tokio::{net::TcpListener, task::JoinHandle};

/// A control plane that is served, with acme open as netops.
pub(crate) struct Served {
    pub(crate) control: ControlPlane,
    pub(crate) acme: LiveWorkspace,
    task: JoinHandle<std::io::Result<()>>,
}

impl Served {
    pub(crate) async fn start(directory: &Path) -> Served {
        Served::on(directory, TcpListener::bind("127.0.0.1:0").await.unwrap()).await
    }

    pub(crate) async fn on(directory: &Path, listener: TcpListener) -> Served {
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let control =
            ControlPlane::builder(Sqlite::at(directory.join("nanami.db"))).with_public_url(url).start().await.unwrap();
        let acme = control.open_workspace(name!("acme"), User::new(name!("netops"))).await.unwrap();
        let serving = control.clone();
        let task = tokio::spawn(async move { serving.serve(listener).await });
        Served { control, acme, task }
    }

    pub(crate) async fn join_key(&self, name: &str) -> JoinString {
        self.acme.create_join_key(JoinKey::one_off(name.parse().unwrap())).await.unwrap()
    }

    pub(crate) async fn join_key_for(&self, peer: PeerId) -> JoinString {
        let key = self.acme.intent().name_of(peer).unwrap().clone();
        self.acme.create_join_key(JoinKey::one_off(key).for_peer(peer)).await.unwrap()
    }

    pub(crate) async fn stop(self) {
        self.control.stop().await;
        let _ended = self.task.await;
    }
}

/// Waits until what an agent holds is as wanted.
pub(crate) async fn until(agent: &Agent, wanted: impl FnMut(&AgentView) -> bool) -> AgentView {
    let mut view = agent.watch();
    within(async { view.wait_for(wanted).await.unwrap().clone() }).await
}

/// No test waits longer: what takes so long never comes, on a machine that stalls neither.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(120), future).await.expect("this never came")
}
