//! Checks that calls work: runs the kernel `system_info` through the server, and interprets the server's messages if it
//! fails.

use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::language::LANGUAGE;
use super::plan::ROLE;
use super::session::{Server, StatementError, text};
use super::survey::{Facts, Lack};

/// Calls the language itself, so that an incomplete installation can be checked too.
fn call() -> String {
    format!(
        "EXEC sp_execute_external_script @language = N'{LANGUAGE}', @script = N'system_info' \
         WITH RESULT SETS ((property varchar(8000), value varchar(8000)));\n"
    )
}

/// What the library reports about itself, or what is wrong.
pub fn ask(server: &mut Server, facts: &Facts) -> Result<Result<Vec<(String, String)>, Lack>> {
    let messages = Messages::default();
    let rows = tracing::subscriber::with_default(messages.clone(), || server.rows(call()));
    let error = match rows {
        Ok(rows) if rows.is_empty() => {
            return Ok(Err(Lack {
                what: "a call of the library came back without rows".into(),
                mend: "please report it, with the version of the server".into(),
            }));
        }
        Ok(rows) => {
            let property = |row| Ok((text(row, 0)?.to_string(), text(row, 1)?.to_string()));
            return Ok(Ok(rows.iter().map(property).collect::<Result<_>>()?));
        }
        Err(error) => error,
    };
    let Some(first) = error.downcast_ref::<StatementError>() else { return Err(error) };
    let mut said = messages.take();
    if !said.iter().any(|(code, _)| *code == Some(first.code)) {
        said.insert(0, (Some(first.code), first.message.clone()));
    }
    let lines: Vec<String> = said
        .iter()
        .map(|(code, message)| match code {
            Some(code) => format!("{code}: {}", message.trim()),
            None => message.trim().to_string(),
        })
        .collect();
    Ok(Err(Lack {
        what: format!("a call of the library does not go through: {}", lines.join(" | ")),
        mend: remedy(&said, facts),
    }))
}

/// The remedy for the cause, by the numbers and texts of all messages.
fn remedy(said: &[Message], facts: &Facts) -> String {
    let linux = facts.platform.eq_ignore_ascii_case("Linux");
    let has = |codes: &[u32]| said.iter().any(|(code, _)| code.is_some_and(|c| codes.contains(&c)));
    let says = |part: &str| said.iter().any(|(_, message)| message.contains(part));
    if says("GLIBC_") {
        "the server's glibc is older than the library's: deploy a library that .ci/glibc builds (docs/INSTALL.md, The library)".into()
    } else if has(&[39111]) {
        "sudo /opt/mssql/bin/mssql-conf set EULA accepteulaml Y; sudo systemctl restart mssql-server mssql-launchpadd".into()
    } else if has(&[39023]) {
        "EXEC sp_configure N'external scripts enabled', 1; RECONFIGURE WITH OVERRIDE; -- then restart the Launchpad service".into()
    } else if has(&[39007, 229]) {
        format!(
            "ALTER ROLE [{ROLE}] ADD MEMBER [{}]; -- and hart deploy, where the language is missing",
            facts.user.replace(']', "]]")
        )
    } else if has(&[39020]) && linux {
        "install the package mssql-server-extensibility, then restart mssql-server and mssql-launchpadd"
            .into()
    } else if has(&[39020]) {
        "run Setup and add Machine Learning Services and Language Extensions".into()
    } else if has(&[39108, 39110, 39127]) {
        "too many external processes at once, or too little memory for them: fewer callers, or a larger external resource pool".into()
    } else if has(&[39128]) {
        "space and rights in the instance's folder ExternalLanguages; then restart the Launchpad service"
            .into()
    } else if says("hart: ") {
        "the library refused to start: its line, which begins with hart:, says what to correct (docs/TROUBLESHOOTING.md)".into()
    } else if has(&[39011, 39012, 39013, 39021, 39025]) && linux {
        "sudo systemctl restart mssql-launchpadd, and see its journal; SQL Server 2022 needs cgroup v1 for it (docs/INSTALL.md, The feature)".into()
    } else if has(&[39011, 39012, 39013, 39021, 39025]) {
        "start the instance's service SQL Server Launchpad".into()
    } else if has(&[39004, 39019, 11536]) && linux {
        "the library could not be loaded: the server needs the glibc that it was built for (hart package tells), and the user mssql_satellite \
         has to read the folder ExternalLanguages"
            .into()
    } else if has(&[39004, 39019, 11536]) {
        "the library could not be loaded: grant its folder to application packages, icacls \"...\\MSSQL\" /grant *S-1-15-2-1:(OI)(CI)RX /t \
         (docs/INSTALL.md, The library), and restart the Launchpad service"
            .into()
    } else {
        "docs/TROUBLESHOOTING.md lists SQL Server's own errors".into()
    }
}

/// Collects the messages that the client library logs during a call, because it returns only the first error and no
/// other line.
#[derive(Clone, Default)]
struct Messages(Arc<Mutex<Vec<Message>>>);

/// An error's number, if any, and a text.
type Message = (Option<u32>, String);

impl Messages {
    fn take(&self) -> Vec<Message> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The relevant fields of an event.
#[derive(Default)]
struct Said {
    code: Option<u32>,
    message: String,
}

impl Visit for Said {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "code" {
            self.code = u32::try_from(value).ok();
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            // Writing to a string cannot fail.
            let _ = write!(self.message, "{value:?}");
        }
    }
}

impl Subscriber for Messages {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target().ends_with("stream::token")
    }

    fn event(&self, event: &Event<'_>) {
        let mut said = Said::default();
        event.record(&mut said);
        // Errors have a number; a line of the external process arrives as information, and begins with its source.
        let wanted = said.code.is_some() || *event.metadata().level() == tracing::Level::DEBUG;
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if wanted && !said.message.is_empty() && list.len() < 20 {
            list.push((said.code, said.message));
        }
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_has_its_remedy() {
        let (mut linux, mut windows) = (Facts::default(), Facts::default());
        linux.platform.push_str("Linux");
        linux.user.push_str("a]b");
        windows.platform.push_str("Windows");
        let says = |code: u32, message: &str, facts: &Facts| {
            remedy(&[(Some(39004), "a script error".into()), (Some(code), message.into())], facts)
        };
        for (code, message, facts, part) in [
            (39019, "libc.so.6: version `GLIBC_2.34' not found", &linux, ".ci/glibc"),
            (39111, "EULA", &linux, "accepteulaml Y"),
            (39023, "disabled", &windows, "RECONFIGURE"),
            (39007, "language", &linux, "ADD MEMBER [a]]b]"),
            (39020, "feature", &linux, "mssql-server-extensibility"),
            (39020, "feature", &windows, "run Setup"),
            (39021, "launch", &linux, "restart mssql-launchpadd"),
            (39012, "communicate", &windows, "SQL Server Launchpad"),
            (39110, "sessions", &windows, "resource pool"),
            (39128, "provision", &windows, "ExternalLanguages"),
            (39022, "hart: Init: setting threads=0 [hart error 1]", &windows, "its line"),
            (39004, "HRESULT 0x80072746", &windows, "*S-1-15-2-1"),
            (39004, "HRESULT 0x80072746", &linux, "mssql_satellite"),
        ] {
            let found = says(code, message, facts);
            assert!(found.contains(part), "{code} {message}: {found}");
        }
        assert!(remedy(&[(Some(1), "other".into())], &linux).contains("TROUBLESHOOTING"));
    }

    #[test]
    fn messages_of_the_client_library_are_kept() {
        let messages = Messages::default();
        tracing::subscriber::with_default(messages.clone(), || {
            let code = 39004u32;
            tracing::error!(target: "tiberius::tds::stream::token", message = %"an error", code = code);
            tracing::debug!(target: "tiberius::tds::stream::token", "{}", "hart: a line");
            tracing::error!(target: "other", "nothing");
        });
        assert_eq!(
            messages.take(),
            [(Some(39004), "an error".to_string()), (None, "hart: a line".to_string())]
        );
    }
}
