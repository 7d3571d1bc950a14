//! A control plane: workspaces on a store, served on listeners that the caller opens.
//!
//! **Invariant: starting opens no port and changes no global state.** Tasks run on the caller's tokio runtime and end when the
//! last handle is dropped.

use std::{
    collections::BTreeMap,
    fmt, io,
    sync::{Arc, OnceLock, RwLock},
};

use nanami_model::{Actor, Intent, Name, PrivateKey, PublicKey, User, UserId, WorkspaceId};
use tokio::sync::{mpsc, watch};

use crate::{
    clock::{Clock, SystemClock},
    files::KeyStore,
    hub::Hub,
    identity::{ErasedIdentity, Identity, Nobody},
    live::LiveWorkspace,
    service::Workspace,
    store::{ErasedStore, Store, StoreError},
};

/// One running control plane. Clones share it; dropping the last one ends its connections.
#[derive(Clone)]
pub struct ControlPlane {
    pub(crate) shared: Arc<Shared>,
    running: Arc<Running>,
}

/// What connections and handles share; it does not keep the control plane alive.
pub(crate) struct Shared {
    store: Arc<dyn ErasedStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) identity: Arc<dyn ErasedIdentity>,
    pub(crate) key: PrivateKey,
    authority: OnceLock<String>,
    hubs: RwLock<BTreeMap<Name, Arc<Hub>>>,
    opening: tokio::sync::Mutex<()>,
    pub(crate) stopping: watch::Receiver<bool>,
}

/// Ends with the last handle, and everything that was spawned with it.
struct Running {
    stop: watch::Sender<bool>,
    alive: std::sync::Mutex<Option<mpsc::Sender<()>>>,
    ended: tokio::sync::Mutex<mpsc::Receiver<()>>,
}

/// Collects how a control plane is to run.
pub struct Builder {
    store: Arc<dyn ErasedStore>,
    keys: Option<Arc<dyn KeyStore>>,
    identity: Arc<dyn ErasedIdentity>,
    clock: Arc<dyn Clock>,
    authority: Option<String>,
    after_restore: bool,
}

impl ControlPlane {
    /// A control plane on this store. Control's own key is kept beside a SQLite store; with another store, say where by
    /// [`Builder::with_key_store`].
    #[must_use]
    pub fn builder(store: impl Store) -> Builder {
        #[cfg(feature = "sqlite")]
        let keys = (&store as &dyn std::any::Any)
            .downcast_ref::<crate::store::Sqlite>()
            .map(|sqlite| Arc::new(crate::files::Files::beside(sqlite.path())) as Arc<dyn KeyStore>);
        #[cfg(not(feature = "sqlite"))]
        let keys = None;
        Builder {
            store: Arc::new(store),
            keys,
            identity: Arc::new(Nobody),
            clock: Arc::new(SystemClock),
            authority: None,
            after_restore: false,
        }
    }

    /// The key by which control proves itself; join strings pin it.
    #[must_use]
    pub fn key(&self) -> PublicKey {
        self.shared.key.public()
    }

    /// Opens a workspace, or founds it when the store does not have it; acts as `owner`, who must be an owner of it.
    ///
    /// # Errors
    /// [`OpenError::Unknown`] when somebody else owns it, [`OpenError::Store`].
    ///
    /// # Cancel safety
    /// May be dropped and called again.
    pub async fn open_workspace(&self, name: Name, owner: User) -> Result<LiveWorkspace, OpenError> {
        let owner = nanami_model::Entity::name(&owner).clone();
        let hub = self.shared.open(Workspace::found(name, owner.clone())).await?;
        let intent = hub.snapshot().intent().clone();
        let user = intent.id::<UserId>(owner.as_str()).map_err(|_| OpenError::Unknown)?;
        let owns = intent.get(user).is_some_and(|user| user.role() == Some(nanami_model::Role::Owner));
        if owns { Ok(self.live(hub, Actor::User(user))) } else { Err(OpenError::Unknown) }
    }

    /// A workspace that is open, acting as `by`: every call on it has that actor's rights.
    ///
    /// # Errors
    /// [`OpenError::Unknown`] when there is none, or `by` has no role in it: the two read the same.
    pub async fn workspace(&self, name: &str, by: Actor) -> Result<LiveWorkspace, OpenError> {
        let hub = self.shared.hub(name).ok_or(OpenError::Unknown)?;
        let sees = sees(hub.snapshot().intent(), by);
        if sees { Ok(self.live(hub, by)) } else { Err(OpenError::Unknown) }
    }

    /// Serves peers and operators on this listener until the control plane stops. Unless a public address was set, join
    /// strings name the address of the first listener.
    ///
    /// # Errors
    /// When the listener has no address. What happens to a single connection ends that one alone.
    ///
    /// # Cancel safety
    /// Dropping it stops accepting; connections that are open stay.
    pub async fn serve(&self, on: tokio::net::TcpListener) -> io::Result<()> {
        let _first_counts = self.shared.authority.set(on.local_addr()?.to_string());
        let alive = self.running.alive.lock().expect("no holder of this lock panics").clone();
        let Some(alive) = alive else { return Ok(()) };
        crate::server::serve(Arc::clone(&self.shared), on, alive).await;
        Ok(())
    }

    /// The same as a service, to mount in your own server. Peers look for `/v1/channel/` at the root of the address in
    /// their join string, so mount it there.
    #[must_use]
    pub fn router(&self) -> crate::server::Router {
        crate::server::Router::new(Arc::clone(&self.shared))
    }

    /// Ends in order: accepts nothing more, closes connections and waits for what they were doing. Nothing that was
    /// acknowledged needs it. Again is harmless.
    ///
    /// # Cancel safety
    /// May be dropped; everything ends nevertheless.
    pub async fn stop(&self) {
        self.running.stop.send_replace(true);
        self.running.alive.lock().expect("no holder of this lock panics").take();
        while self.running.ended.lock().await.recv().await.is_some() {}
    }

    fn live(&self, hub: Arc<Hub>, by: Actor) -> LiveWorkspace {
        LiveWorkspace::new(hub, by, Arc::clone(&self.shared))
    }
}

impl Shared {
    /// The workspace of this name.
    pub(crate) fn hub(&self, name: &str) -> Option<Arc<Hub>> {
        self.hubs.read().expect("no holder of this lock panics").get(name).cloned()
    }

    /// `HOST:PORT` for join strings; `None` before the first listener when no public address was set.
    pub(crate) fn authority(&self) -> Option<&str> {
        self.authority.get().map(String::as_str)
    }

    async fn open(&self, found: Workspace) -> Result<Arc<Hub>, OpenError> {
        let _one_at_a_time = self.opening.lock().await;
        if let Some(hub) = self.hub(found.intent().name().as_str()) {
            return Ok(hub);
        }
        let id = found.id();
        let opened = self.load(id, Some(found), false).await?;
        Ok(opened.expect("a workspace is founded when the store does not have it"))
    }

    async fn load(
        &self,
        id: WorkspaceId,
        found: Option<Workspace>,
        after_restore: bool,
    ) -> Result<Option<Arc<Hub>>, StoreError> {
        let opened = Hub::open(id, found, Arc::clone(&self.store), Arc::clone(&self.clock), after_restore).await?;
        if let Some(hub) = &opened {
            self.hubs.write().expect("no holder of this lock panics").insert(hub.name().clone(), Arc::clone(hub));
        }
        Ok(opened)
    }
}

/// Whether an actor has any role in a workspace; without one it does not exist for them.
pub(crate) fn sees(intent: &Intent, by: Actor) -> bool {
    match by {
        Actor::User(user) => {
            intent.get(user).is_some_and(|user| user.role().is_some() || user.roles().next().is_some())
        }
        _ => true,
    }
}

impl Builder {
    /// The address that join strings name, for control behind a proxy or on all interfaces. Without a port it is 80, or 443
    /// for `https`.
    #[must_use]
    pub fn with_public_url(self, url: http::Uri) -> Builder {
        let port = url.port_u16().unwrap_or(if url.scheme_str() == Some("https") { 443 } else { 80 });
        let authority = url.host().map(|host| format!("{host}:{port}"));
        Builder { authority, ..self }
    }

    /// Who operators are. Without it no operator is let in; peers are.
    #[must_use]
    pub fn with_identity(self, identity: impl Identity) -> Builder {
        Builder { identity: Arc::new(identity), ..self }
    }

    /// Whose time it is.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock) -> Builder {
        Builder { clock: Arc::new(clock), ..self }
    }

    /// Where control's own key is kept.
    #[must_use]
    pub fn with_key_store(self, keys: impl KeyStore) -> Builder {
        Builder { keys: Some(Arc::new(keys)), ..self }
    }

    /// Says that the store was restored from a backup: every workspace gets a new epoch, so that peers take maps whose
    /// generation they may have seen before.
    #[must_use]
    pub fn after_restore(self) -> Builder {
        Builder { after_restore: true, ..self }
    }

    /// Starts: reads every workspace of the store, and opens no port.
    ///
    /// # Errors
    /// [`StartError`] when the store cannot be read, or there is no key and no place for one.
    pub async fn start(self) -> Result<ControlPlane, StartError> {
        let key = own_key(self.keys.as_deref().ok_or(StartError::NoKeyStore)?)?;
        let (stop, stopping) = watch::channel(false);
        let (alive, ended) = mpsc::channel(1);
        let authority = self.authority.map_or_else(OnceLock::new, OnceLock::from);
        let shared = Arc::new(Shared {
            store: self.store,
            clock: self.clock,
            identity: self.identity,
            key,
            authority,
            hubs: RwLock::default(),
            opening: tokio::sync::Mutex::default(),
            stopping,
        });
        for id in shared.store.workspaces().await? {
            shared.load(id, None, self.after_restore).await?;
        }
        let running =
            Running { stop, alive: std::sync::Mutex::new(Some(alive)), ended: tokio::sync::Mutex::new(ended) };
        Ok(ControlPlane { shared, running: Arc::new(running) })
    }
}

fn own_key(keys: &dyn KeyStore) -> Result<PrivateKey, StartError> {
    if let Some(key) = keys.load().map_err(StartError::Key)? {
        return Ok(key);
    }
    let mut bytes = zeroize::Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes).map_err(|error| StartError::Key(io::Error::other(error)))?;
    let key = PrivateKey::from_bytes(*bytes);
    keys.save(&key).map_err(StartError::Key)?;
    Ok(key)
}

impl fmt::Debug for ControlPlane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ControlPlane").field("key", &self.key()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("authority", &self.authority).finish_non_exhaustive()
    }
}

/// Why a control plane did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The store cannot be read.
    #[error("could not read the store")]
    Store(#[from] StoreError),
    /// Control's own key cannot be read or kept.
    #[error("could not read or keep control's key")]
    Key(#[source] io::Error),
    /// The store is not SQLite, and nobody said where control's key is kept.
    #[error("there is no place for control's key")]
    NoKeyStore,
}

impl StartError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            StartError::Store(error) => error.code(),
            StartError::Key(_) => "start.key",
            StartError::NoKeyStore => "start.no_key_store",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            StartError::Store(error) => error.remedy(),
            StartError::Key(_) => "check the rights on the key file beside the store",
            StartError::NoKeyStore => "say where control's key is kept: Builder::with_key_store",
        }
    }
}

/// Why a workspace was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no such workspace, for this actor at least.
    #[error("there is no such workspace")]
    Unknown,
    /// The store failed.
    #[error("could not read the store")]
    Store(#[from] StoreError),
}

impl OpenError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            OpenError::Unknown => "workspace.unknown",
            OpenError::Store(error) => error.code(),
        }
    }
}
