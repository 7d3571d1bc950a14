//! A [`Store`] behind a pointer, so that a control plane has no type parameter.

use std::{future::Future, pin::Pin};

use nanami_model::{Revision, WorkspaceId};

use super::{AppendError, Entry, Slot, Store, StoreError};

type Answer<'a, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

/// [`Store`] with boxed futures; every store is one.
pub(crate) trait ErasedStore: Send + Sync + 'static {
    fn append(&self, to: WorkspaceId, entry: Entry) -> Answer<'_, (), AppendError>;
    fn read(&self, of: WorkspaceId, after: Revision, limit: usize) -> Answer<'_, Vec<Entry>, StoreError>;
    fn save(&self, of: WorkspaceId, slot: Slot, bytes: Vec<u8>) -> Answer<'_, (), StoreError>;
    fn fetch(&self, of: WorkspaceId, slot: Slot) -> Answer<'_, Option<Vec<u8>>, StoreError>;
    fn workspaces(&self) -> Answer<'_, Vec<WorkspaceId>, StoreError>;
}

impl<S: Store> ErasedStore for S {
    fn append(&self, to: WorkspaceId, entry: Entry) -> Answer<'_, (), AppendError> {
        Box::pin(Store::append(self, to, entry))
    }

    fn read(&self, of: WorkspaceId, after: Revision, limit: usize) -> Answer<'_, Vec<Entry>, StoreError> {
        Box::pin(Store::read(self, of, after, limit))
    }

    fn save(&self, of: WorkspaceId, slot: Slot, bytes: Vec<u8>) -> Answer<'_, (), StoreError> {
        Box::pin(Store::save(self, of, slot, bytes))
    }

    fn fetch(&self, of: WorkspaceId, slot: Slot) -> Answer<'_, Option<Vec<u8>>, StoreError> {
        Box::pin(Store::fetch(self, of, slot))
    }

    fn workspaces(&self) -> Answer<'_, Vec<WorkspaceId>, StoreError> {
        Box::pin(Store::workspaces(self))
    }
}
