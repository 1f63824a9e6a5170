//! Makes a change to a database, and tells how it failed.

use anyhow::{Error, Result, ensure};

use super::plan;
use super::session::{Server, StatementError};
use super::step::{Step, state};
use super::survey;

/// Why a change did not complete, by the state that it leaves behind.
#[derive(Debug)]
pub enum Failure {
    /// Nothing was kept.
    NotDone(Error),
    /// The commit was sent, but its answer did not arrive: everything was kept, or nothing.
    Unknown(Error),
    /// It was not in a transaction: what was done before the error was kept.
    Partial(Error),
}

impl Failure {
    /// The error and the state that it leaves behind; `look` says where to check that.
    pub fn explain(self, what: &str, look: &str) -> Error {
        match self {
            Failure::NotDone(error) => error.context(format!("{what} failed and nothing of it was kept")),
            Failure::Unknown(error) => error.context(format!(
                "{what}: the end of the transaction was not confirmed, so all of it was kept or nothing; {look} shows \
                 how it ended"
            )),
            Failure::Partial(error) => error.context(format!(
                "{what} failed outside of a transaction, so what it had done by then was kept; {look} shows what"
            )),
        }
    }
}

/// Errors of a statement that the server rejects within a transaction.
pub const NOT_IN_A_TRANSACTION: [u32; 2] = [226, 574];

/// Runs a step in its transaction, which is committed only if the step's own check then says that it is done.
pub fn carry_out(server: &mut Server, step: &Step) -> Result<(), Failure> {
    let _span = tracing::info_span!("step", name = step.name, transaction = step.transaction).entered();
    for batch in step.preparation() {
        server.run(batch).map_err(Failure::NotDone)?;
    }
    if !step.transaction {
        return alone(server, step);
    }
    let work = |server: &mut Server| -> Result<()> {
        for batch in &step.statements {
            server.run(batch)?;
        }
        confirm(server, step)
    };
    match within(server, work) {
        Err(Failure::NotDone(error)) if is_refused_in_a_transaction(&error) => {
            tracing::warn!(step = step.name, "the server refuses the step in a transaction; going without");
            alone(server, step)
        }
        result => result,
    }
}

fn is_refused_in_a_transaction(error: &Error) -> bool {
    error.downcast_ref::<StatementError>().is_some_and(|e| NOT_IN_A_TRANSACTION.contains(&e.code))
}

/// Does the work in a transaction, and commits it on success.
pub fn within(server: &mut Server, work: impl FnOnce(&mut Server) -> Result<()>) -> Result<(), Failure> {
    if let Err(error) = server.run(plan::BEGIN).and_then(|()| work(server)) {
        return Err(Failure::NotDone(match roll_back(server) {
            true => error,
            false => error.context("the connection is gone, so the server undoes the transaction by itself"),
        }));
    }
    server.run(plan::COMMIT).map_err(|error| {
        // A commit that was stopped may have been done before, and then there is nothing to roll back.
        match error.is::<StatementError>() && roll_back(server) {
            true => Failure::NotDone(error),
            false => Failure::Unknown(error),
        }
    })
}

/// Whether the server has confirmed that nothing of the transaction is left.
fn roll_back(server: &mut Server) -> bool {
    server.is_usable() && server.run(plan::ROLLBACK).is_ok()
}

fn alone(server: &mut Server, step: &Step) -> Result<(), Failure> {
    for batch in &step.statements {
        server.run(batch).map_err(Failure::Partial)?;
    }
    confirm(server, step).map_err(Failure::Partial)
}

fn confirm(server: &mut Server, step: &Step) -> Result<()> {
    let found = survey::state(server, &step.check)?;
    ensure!(
        found == state::SAME,
        "its statements ran, but its check then said '{found}', expected '{}'",
        state::SAME
    );
    Ok(())
}
