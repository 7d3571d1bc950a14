//! An interface of this host and what belongs to it.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};

use nanami_model::{Cidr, NetworkMap};
use tracing::{debug, warn};

use super::look::{closed, look, own_table, reading};
use super::netlink::Netlink;
use super::nft::table_name;
use super::perform::perform;
use super::step::HostStep;
use super::watch::{Bells, Ours, Watch};
use super::{HostDesired, HostError, HostObserved, HostOptions, HostPlan, HostTable, MARK};
use crate::device::{DeviceError, Tun, namespace};
use crate::engine::{DEFAULT_MTU, lock};

/// An interface of this host and what belongs to it. Dropping it takes all of it away.
///
/// What it does, it does at once, in the network namespace of the thread that opened it: some ten exchanges with the kernel,
/// and where nft is needed two or three processes, of some milliseconds each.
pub struct Host {
    options: HostOptions,
    tun: Arc<Tun>,
    /// Where it was opened.
    namespace: OwnedFd,
    state: Mutex<State>,
}

struct State {
    netlink: Netlink,
    /// The interface's number.
    index: u32,
    /// Our nft table, as nft printed it when we had made it; `None` while none is meant to be there.
    made: Option<HostTable>,
    /// What was last noted.
    noted: Vec<String>,
}

impl Host {
    /// What [`Host::open`] and a first map would do to this host. Changes nothing, and needs no privilege but what nft asks for.
    ///
    /// # Errors
    /// [`HostError`] when something stands in the way, or the host cannot be looked at.
    pub fn preview(map: &NetworkMap, mtu: u16, options: &HostOptions) -> Result<HostPlan, HostError> {
        let (mut found, _) = look(&mut open_netlink()?, options)?;
        look_ahead(map, options, &mut found)?;
        Ok(HostPlan::between(&found, &HostDesired::of(map, mtu, options, &found)?, options))
    }

    /// The ranges that this host is attached to without a tunnel of this name.
    ///
    /// # Errors
    /// The host cannot be looked at.
    pub fn attached(options: &HostOptions) -> Result<Vec<Cidr>, HostError> {
        let (found, _) = look(&mut open_netlink()?, options)?;
        Ok(found.attached().collect())
    }

    /// Makes the interface, which is down. What a process that was killed has left under its name stays until the first map
    /// says what of it is still meant.
    ///
    /// # Errors
    /// [`HostError::Interface`], when it cannot be made, or the host cannot be looked at.
    pub fn open(options: HostOptions) -> Result<Self, HostError> {
        let mut netlink = open_netlink()?;
        // The kernel would let us have a TUN interface that somebody made to last, which would outlive us.
        if look(&mut netlink, &options)?.1.is_some() {
            return Err(DeviceError::InUse { name: options.name }.into());
        }
        let tun = Arc::new(Tun::create(&options.name, DEFAULT_MTU, options.offloads)?);
        let (_, index) = look(&mut netlink, &options)?;
        let gone = || reading("the new interface")(std::io::ErrorKind::NotFound.into());
        let state = State { netlink, index: index.ok_or_else(gone)?, made: None, noted: Vec::new() };
        let namespace = namespace::of_this_thread().map_err(reading("the network namespace"))?;
        Ok(Self { options, tun, namespace, state: Mutex::new(state) })
    }

    /// Brings the host to what the map says. Called again with the same map it repairs what somebody changed of ours, and looks
    /// anew at what the host is attached to.
    ///
    /// # Errors
    /// [`HostError`]: what was done before the step that is refused is taken back.
    pub fn apply(&self, map: &NetworkMap, mtu: u16) -> Result<HostPlan, HostError> {
        self.at_home(|state| state.bring(map, mtu, &self.options, |_| true).map(Option::unwrap_or_default))
    }

    /// The same, unless somebody has taken the interface down: whoever did that does not want it back.
    pub(super) fn repair(&self, map: &NetworkMap, mtu: u16) -> Result<Option<HostPlan>, HostError> {
        let is_up = |found: &HostObserved| found.interface.as_ref().is_some_and(|found| found.is_up);
        self.at_home(|state| state.bring(map, mtu, &self.options, is_up))
    }

    /// Calls `changed` when somebody has changed what is ours, or where this host is attached to.
    pub(super) fn watch(&self, changed: impl Fn() + Send + 'static) -> Result<Watch, HostError> {
        self.at_home(|state| {
            let nft_table = table_name(&self.options.name);
            let ours = Ours { index: state.index, table: self.options.table, nft_table };
            let watch = Bells::open().and_then(|bells| Watch::start(bells, ours, changed));
            watch.map_err(reading("the kernel's notes"))
        })
    }

    /// The interface's name.
    pub(super) fn name(&self) -> &str {
        &self.options.name
    }

    /// The mark that keeps a socket's datagrams out of the tunnel.
    pub(crate) fn mark(&self) -> u32 {
        MARK
    }

    /// The interface, for whoever carries its packets.
    pub(crate) fn tun(&self) -> Arc<Tun> {
        self.tun.clone()
    }

    /// Takes everything away but the interface, which goes with whoever has it last.
    fn clear(&self) -> Result<(), HostError> {
        self.at_home(|state| {
            let (mut found, _) = look(&mut state.netlink, &self.options)?;
            found.made = state.made.take();
            let plan = HostPlan::between(&found, &HostDesired::nothing(), &self.options);
            // One that is refused does not keep the others.
            let failed: Vec<_> = plan.steps().iter().filter_map(|step| state.perform(step).err()).collect();
            failed.into_iter().next().map_or(Ok(()), Err)
        })
    }

    /// Works in the network namespace in which the host was opened: nft and the kernel's settings follow the thread.
    fn at_home<T>(&self, work: impl FnOnce(&mut State) -> Result<T, HostError>) -> Result<T, HostError> {
        let mut state = lock(&self.state);
        namespace::inside(&self.namespace, || work(&mut state)).map_err(reading("the network namespace"))?
    }
}

impl State {
    /// Brings the host to what the map says, if what is found `is_meant` to be changed.
    fn bring(
        &mut self,
        map: &NetworkMap,
        mtu: u16,
        options: &HostOptions,
        is_meant: impl FnOnce(&HostObserved) -> bool,
    ) -> Result<Option<HostPlan>, HostError> {
        let (mut found, _) = look(&mut self.netlink, options)?;
        if !is_meant(&found) {
            return Ok(None);
        }
        look_ahead(map, options, &mut found)?;
        found.made = self.made.clone();
        let desired = HostDesired::of(map, mtu, options, &found)?;
        let plan = HostPlan::between(&found, &desired, options);
        all_or_nothing(plan.steps(), |step| self.perform(step))?;
        if plan.steps().iter().any(HostStep::is_of_table) {
            self.made = own_table(options).map_err(reading("the nft tables"))?;
        }
        for note in plan.notes().iter().filter(|note| !self.noted.contains(note)) {
            warn!(interface = options.name, note);
        }
        self.noted = plan.notes().to_vec();
        Ok(Some(plan))
    }

    fn perform(&mut self, step: &HostStep) -> Result<(), HostError> {
        debug!(%step, "host");
        perform(&mut self.netlink, self.index, step)
    }
}

/// Looks at what only matters where something is forwarded.
fn look_ahead(map: &NetworkMap, options: &HostOptions, found: &mut HostObserved) -> Result<(), HostError> {
    if !map.forward().is_empty() {
        found.closed = closed(options).map_err(reading("the nft tables"))?;
    }
    Ok(())
}

/// Performs the steps in order; when one is refused, those before it are taken back, the last one first.
pub(super) fn all_or_nothing(
    steps: &[HostStep],
    mut perform: impl FnMut(&HostStep) -> Result<(), HostError>,
) -> Result<(), HostError> {
    for (at, step) in steps.iter().enumerate() {
        let Err(refused) = perform(step) else { continue };
        for step in steps[..at].iter().rev().map(HostStep::inverse) {
            if let Err(error) = perform(&step) {
                warn!(%step, %error, "cannot be taken back");
            }
        }
        return Err(refused);
    }
    Ok(())
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Err(error) = self.clear() {
            warn!(interface = self.options.name, %error, "something is left on the host; the next start finds it");
        }
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("options", &self.options).finish_non_exhaustive()
    }
}

fn open_netlink() -> Result<Netlink, HostError> {
    Netlink::open().map_err(reading("the network"))
}
