//! The suite that every [`Store`] must pass: `contract::check(async || MyStore::new()).await`.
//!
//! **Invariant: each promise in the trait's docs has a check here**, durability excepted, which needs a process to kill.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
};

use nanami_model::{Name, PeerId, Revision, WorkspaceId};

use super::{AppendError, Entry, Slot, Store};

/// A promise that a store does not keep.
#[derive(Debug, thiserror::Error)]
#[error("store breaks its contract: {what}")]
pub struct Broken {
    what: String,
}

/// Runs every check, each on a store of its own that `fresh` makes: an empty one.
///
/// # Errors
/// [`Broken`] with the first promise that does not hold.
pub async fn check<S: Store>(fresh: impl AsyncFn() -> S) -> Result<(), Broken> {
    empty(&fresh().await).await?;
    appends_in_order(&fresh().await).await?;
    reads_in_pages(&fresh().await).await?;
    keeps_workspaces_apart(&fresh().await).await?;
    keeps_slots(&fresh().await).await?;
    one_of_many_racers_wins(&fresh().await).await
}

async fn empty(store: &impl Store) -> Result<(), Broken> {
    ensure(ok(store.workspaces().await)?.is_empty(), || "a new store has workspaces".into())?;
    ensure(ok(store.read(acme(), Revision::ZERO, 10).await)?.is_empty(), || "an unknown log has entries".into())?;
    ensure(ok(store.fetch(acme(), Slot::Snapshot).await)?.is_none(), || "an unused slot has bytes".into())
}

async fn appends_in_order(store: &impl Store) -> Result<(), Broken> {
    ok(store.append(acme(), entry(1)).await)?;
    for (wrong, head) in [(1, 1), (3, 1), (0, 1), (u64::MAX, 1)] {
        expect_conflict(store.append(acme(), entry(wrong)).await, wrong, head)?;
    }
    ok(store.append(acme(), entry(2)).await)?;
    expect_conflict(store.append(acme(), entry(2)).await, 2, 2)?;
    let log = ok(store.read(acme(), Revision::ZERO, 10).await)?;
    ensure(log == [entry(1), entry(2)], || format!("two appends left {log:?}"))?;
    expect_conflict(store.append(other(), entry(2)).await, 2, 0)
}

async fn reads_in_pages(store: &impl Store) -> Result<(), Broken> {
    let large = Entry::new(Revision::new(8), (0..1 << 20).map(|i: u32| (i % 251) as u8).collect());
    for revision in 1..8 {
        ok(store.append(acme(), entry(revision)).await)?;
    }
    ok(store.append(acme(), large.clone()).await)?;
    ok(store.append(acme(), Entry::new(Revision::new(9), Vec::new())).await)?;
    let (mut after, mut seen) = (Revision::ZERO, Vec::new());
    loop {
        let page = ok(store.read(acme(), after, 4).await)?;
        ensure(page.len() <= 4, || format!("a page of 4 has {} entries", page.len()))?;
        let Some(last) = page.last() else { break };
        after = last.revision();
        seen.extend(page);
    }
    let revisions = seen.iter().map(|entry| entry.revision().value()).collect::<Vec<_>>();
    ensure(revisions == [1, 2, 3, 4, 5, 6, 7, 8, 9], || format!("pages of 4 read {revisions:?}"))?;
    ensure(seen[7] == large && seen[8].bytes().is_empty(), || "bytes come back changed".into())?;
    let none = ok(store.read(acme(), Revision::new(u64::MAX), 4).await)?;
    ensure(none.is_empty(), || "entries follow the last revision".into())
}

async fn keeps_workspaces_apart(store: &impl Store) -> Result<(), Broken> {
    ok(store.append(acme(), entry(1)).await)?;
    ok(store.append(other(), Entry::new(Revision::new(1), b"other".to_vec())).await)?;
    ok(store.save(acme(), Slot::Proposals, b"acme's".to_vec()).await)?;
    let log = ok(store.read(acme(), Revision::ZERO, 10).await)?;
    ensure(log == [entry(1)], || "a log holds another workspace's entry".into())?;
    ensure(ok(store.fetch(other(), Slot::Proposals).await)?.is_none(), || "a slot is shared by workspaces".into())?;
    let mut workspaces = ok(store.workspaces().await)?;
    workspaces.sort();
    let mut wanted = [acme(), other()];
    wanted.sort();
    ensure(workspaces == wanted, || format!("two workspaces read {workspaces:?}"))
}

async fn keeps_slots(store: &impl Store) -> Result<(), Broken> {
    let reports = ["a", "b"].map(|name| Slot::Report(peer(name)));
    let slots = [Slot::Snapshot, reports[0], reports[1], Slot::Proposals, Slot::Selection];
    for slot in slots {
        ok(store.save(acme(), slot, b"before".to_vec()).await)?;
        ok(store.save(acme(), slot, slot.to_string().into_bytes()).await)?;
    }
    for slot in slots {
        let bytes = ok(store.fetch(acme(), slot).await)?;
        ensure(bytes == Some(slot.to_string().into_bytes()), || format!("slot {slot} holds {bytes:?}"))?;
    }
    ok(store.save(acme(), Slot::Snapshot, Vec::new()).await)?;
    let emptied = ok(store.fetch(acme(), Slot::Snapshot).await)?;
    ensure(emptied == Some(Vec::new()), || format!("an empty blob reads {emptied:?}"))
}

async fn one_of_many_racers_wins(store: &impl Store) -> Result<(), Broken> {
    for round in 1..=8 {
        let racers = (0..16u8).map(|i| store.append(acme(), Entry::new(Revision::new(round), vec![i])));
        let outcomes = all(racers.collect()).await;
        let mut won = 0;
        for outcome in outcomes {
            match outcome {
                Ok(()) => won += 1,
                lost => expect_conflict(lost, round, round)?,
            }
        }
        ensure(won == 1, || format!("{won} of 16 racers appended revision {round}"))?;
    }
    let log = ok(store.read(acme(), Revision::ZERO, 100).await)?;
    ensure(log.len() == 8, || format!("8 rounds left {} entries", log.len()))
}

/// Polls all futures until each is done; the suite depends on no runtime.
async fn all<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut running = futures.into_iter().map(|future| (Some(Box::pin(future)), None)).collect::<Vec<_>>();
    poll_fn(|context| {
        let mut pending = false;
        for (future, output) in &mut running {
            let Some(polled) = future else { continue };
            match Pin::new(polled).poll(context) {
                Poll::Ready(value) => (*future, *output) = (None, Some(value)),
                Poll::Pending => pending = true,
            }
        }
        if pending { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    running.into_iter().filter_map(|(_, output)| output).collect()
}

fn expect_conflict(outcome: Result<(), AppendError>, appended: u64, wanted: u64) -> Result<(), Broken> {
    match outcome {
        Err(AppendError::Conflict { head }) if head.value() == wanted => Ok(()),
        // A revision that the engine cannot even represent may be refused as such.
        Err(AppendError::Store(_)) if appended == u64::MAX => Ok(()),
        outcome => ensure(false, || {
            format!("revision {appended} on a log at {wanted} gave {outcome:?}, wanted Conflict {{ head: {wanted} }}")
        }),
    }
}

fn ok<T, E: std::error::Error>(outcome: Result<T, E>) -> Result<T, Broken> {
    outcome.map_err(|error| Broken { what: format!("a valid call failed: {error}") })
}

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken { what: what() }) }
}

fn entry(revision: u64) -> Entry {
    Entry::new(Revision::new(revision), format!("entry {revision}").into_bytes())
}

fn acme() -> WorkspaceId {
    WorkspaceId::from_bytes([1; 10])
}

fn other() -> WorkspaceId {
    WorkspaceId::from_bytes([2; 10])
}

fn peer(name: &str) -> PeerId {
    let name: Name = name.parse().expect("a letter is a name");
    PeerId::derive(&name, &name, Revision::new(1))
}
