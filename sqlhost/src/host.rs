//! The sessions of this process, and the work of the exported functions, without pointers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hart_kernels::{Level, Pool};

use crate::columns::ResultField;
use crate::session::{Fault, Session};
use crate::settings::Settings;
use crate::sys::SqlGuid;

/// A session and the task within it: with `@parallel = 1` each task is separate, normally in its own process.
pub type Key = (SqlGuid, u16);

/// All state between Init and Cleanup.
#[derive(Default)]
pub struct Host {
    settings: Mutex<Option<Settings>>,
    sessions: Mutex<HashMap<Key, Arc<Mutex<SessionSlot>>>>,
    pub(crate) pool: Pool,
}

/// A session with what was handed to its host; those pointers stay valid until the next Execute or CleanupSession.
#[derive(Debug)]
pub struct SessionSlot {
    /// The session.
    pub session: Session,
    /// Pointer arrays and values handed out.
    pub(crate) handed: crate::raw::Handed,
}

/// A panic while a lock is held leaves consistent data, because every change is a single assignment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Host {
    /// `GetInterfaceVersion`: from PARAMETERS, or, before they arrive, from the environment.
    ///
    /// # Errors
    ///
    /// [`Fault::Kernel`] for an invalid environment variable.
    pub fn interface_version(&self) -> Result<u16, Fault> {
        if let Some(settings) = lock(&self.settings).as_ref() {
            return Ok(settings.interface_version);
        }
        Ok(Settings::read("", |name| std::env::var(name).ok())?.interface_version)
    }

    /// `Init`.
    ///
    /// # Errors
    ///
    /// Invalid settings; a demanded instruction-set level that is missing; a second call before Cleanup.
    pub fn init(&self, parameters: &str) -> Result<(), Fault> {
        let settings = Settings::read(parameters, |name| std::env::var(name).ok())?;
        Level::from_environment()?;
        let mut place = lock(&self.settings);
        if place.is_some() {
            return Err(Fault::Call("called again before Cleanup".into()));
        }
        self.pool.open();
        *place = Some(settings);
        Ok(())
    }

    /// The settings.
    ///
    /// # Errors
    ///
    /// [`Fault::Call`] before Init.
    pub fn settings(&self) -> Result<Settings, Fault> {
        lock(&self.settings).clone().ok_or_else(|| Fault::Call("called before Init".into()))
    }

    /// `InitSession`.
    ///
    /// # Errors
    ///
    /// [`Fault::Call`] before Init and for a session that is already open; an unknown kernel.
    pub fn open(&self, key: Key, script: &str, columns: u16, params: u16) -> Result<(), Fault> {
        let settings = self.settings()?;
        let mut session = Session::new(script, columns, params)?;
        session.limit_columns(settings.max_column_bytes);
        let mut sessions = lock(&self.sessions);
        if sessions.contains_key(&key) {
            return Err(Fault::Call(format!("InitSession for a session that is open (task {})", key.1)));
        }
        sessions.insert(key, Arc::new(Mutex::new(SessionSlot { session, handed: Default::default() })));
        Ok(())
    }

    /// Runs `work` on an open session.
    ///
    /// # Errors
    ///
    /// [`Fault::Call`] where no such session is open; the errors of `work`.
    pub fn with<T>(
        &self,
        key: Key,
        work: impl FnOnce(&mut SessionSlot) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let slot = lock(&self.sessions).get(&key).cloned();
        let slot = slot.ok_or_else(|| Fault::Call(format!("no open session (task {})", key.1)))?;
        let mut slot = lock(&slot);
        work(&mut slot)
    }

    /// The kernel that a session runs, for messages.
    pub fn kernel_of(&self, key: Key) -> Option<&'static str> {
        let slot = lock(&self.sessions).get(&key).cloned()?;
        let name = lock(&slot).session.kernel().name;
        Some(name)
    }

    /// `CleanupSession`: an unknown session is not an error, because library set-up also ends with this call.
    pub fn close(&self, key: Key) {
        lock(&self.sessions).remove(&key);
    }

    /// `Cleanup`.
    pub fn cleanup(&self) {
        lock(&self.sessions).clear();
        self.pool.close();
        *lock(&self.settings) = None;
    }
}

/// Type, size and scale in the host's form.
pub(crate) fn wire_field(field: &ResultField) -> (i16, u64, i16) {
    (field.ctype.code(), field.size, field.digits)
}
