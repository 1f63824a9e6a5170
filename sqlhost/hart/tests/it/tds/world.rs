//! A database that keeps the books of transactions, as far as the checks of an installation ask, and the command against it.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use super::{Answer, Server};

/// Steps in their order, with what a statement holds that does the step.
pub const STEPS: [(&str, &str); 9] = [
    ("language", "CREATE EXTERNAL LANGUAGE [hart]"),
    ("core", "sp_addextendedproperty @name = N'hart.core'"),
    ("wrappers", "sp_addextendedproperty @name = N'hart.wrappers'"),
    ("role", "sp_addextendedproperty @name = N'hart.role'"),
    ("version", "sp_addextendedproperty @name = N'hart.version'"),
    ("functions", "sp_addextendedproperty @name = N'hart.functions.vec]s'"),
    ("linked-search", "sp_addextendedproperty @name = N'hart.linked-search'"),
    ("broker", "sp_addextendedproperty @name = N'hart.broker'"),
    ("queued-projection", "sp_addextendedproperty @name = N'hart.queued-projection'"),
];

/// What a database holds, as far as the checks of the steps ask.
#[derive(Default)]
pub struct Database {
    pub committed: BTreeSet<&'static str>,
    pub pending: Option<BTreeSet<&'static str>>,
    pub foreign: Option<&'static str>,
    pub facts: Vec<(&'static str, &'static str)>,
    pub disabled: bool,
    /// Steps are there, but without their marks.
    pub unmarked: bool,
    /// The version that the mark says; else this one.
    pub version: Option<&'static str>,
    /// What an addition needs is not there, by a part of the question.
    pub unmet: Option<&'static str>,
    /// A queue that is disabled.
    pub queue: Option<&'static str>,
    /// The error of CREATE EXTERNAL LANGUAGE in a transaction.
    pub alone: Option<u32>,
    /// PARAMETERS of the language.
    pub parameters: &'static str,
    /// The batch with this text gets this answer instead.
    pub fault: Option<(&'static str, Answer)>,
}

impl Database {
    pub fn answer(&mut self, sql: &str) -> Answer {
        if let Some((part, answer)) = &self.fault
            && sql.contains(part)
        {
            if *answer == Answer::Drop {
                self.pending = None;
            }
            return answer.clone();
        }
        if sql.contains("SERVERPROPERTY('ProductVersion')") {
            let standard = [
                ("version", "17.0.1000.7"),
                ("edition", "Developer Edition (64-bit)"),
                ("engine", "3"),
                ("platform", "Linux"),
                ("database", "db"),
                ("compatibility", "170"),
                ("broker", "1"),
                ("login", "sa"),
                ("user", "dbo"),
                ("feature", "1"),
                ("enabled", "1"),
                ("sysadmin", "1"),
            ];
            let value = |name: &str, value: &'static str| {
                self.facts.iter().find(|(n, _)| *n == name).map_or(value, |(_, v)| *v).to_string()
            };
            return Answer::Rows(standard.iter().map(|(n, v)| vec![n.to_string(), value(n, v)]).collect());
        }
        if sql.contains("HAS_PERMS_BY_NAME") {
            let denied = |name: &str| self.facts.contains(&("denied", name_of(name)));
            let names = ["CREATE EXTERNAL LANGUAGE", "ALTER ANY EXTERNAL LANGUAGE", "CREATE ROLE"];
            let row = |n: &&str| vec![n.to_string(), if denied(n) { "0" } else { "1" }.to_string()];
            return Answer::Rows(names.iter().map(row).collect());
        }
        if sql.starts_with("SELECT CASE") && sql.contains("N'external scripts enabled'") {
            return Answer::word(if self.disabled { "missing" } else { "same" });
        }
        if sql.ends_with("AS [need];\n") {
            return Answer::word(if self.unmet.is_some_and(|part| sql.contains(part)) {
                "no"
            } else {
                "yes"
            });
        }
        if sql.starts_with("EXEC sp_execute_external_script") {
            return Answer::Rows(vec![
                vec!["version".into(), "0.1.0".into()],
                vec!["level".into(), "avx2".into()],
            ]);
        }
        if sql.contains("sys.dm_os_sys_info") {
            return Answer::Rows(vec![vec!["20".into(), "16384".into()]]);
        }
        if sql.contains("CONVERT(nvarchar(19), l.create_date") && self.committed.contains("language") {
            let made = "2026-01-01T00:00:00";
            let row = ["LINUX", "libhart_sqlhost.so", "AB", "9", self.parameters, made, ""];
            return Answer::Rows(vec![row.map(String::from).to_vec()]);
        }
        let state = self.pending.as_ref().unwrap_or(&self.committed);
        if sql.starts_with("SELECT SUBSTRING(name") {
            let value = |key: &str| match key {
                "version" => self.version.unwrap_or(env!("CARGO_PKG_VERSION")).to_string(),
                _ => "AB".repeat(32),
            };
            let marks = STEPS.iter().filter(|(step, _)| *step != "language" && state.contains(step));
            let keys = marks.map(|(_, mark)| mark.split("N'hart.").nth(1).unwrap().trim_end_matches('\''));
            return Answer::Rows(keys.map(|key| vec![key.to_string(), value(key)]).collect());
        }
        if sql.starts_with("SELECT CONCAT(") || sql.starts_with("SELECT name FROM") {
            return Answer::Rows(vec![vec!["a.Name".into()], vec!["other".into()]]);
        }
        if sql.starts_with("SELECT QUOTENAME(name) FROM sys.service_queues") {
            return Answer::Rows(self.queue.iter().map(|q| vec![q.to_string()]).collect());
        }
        if let Some(step) = checked_step(sql) {
            return Answer::word(match self.foreign {
                Some(foreign) if foreign == step => "foreign",
                _ if state.contains(step) && self.unmarked && step != "language" => "unmarked",
                _ if state.contains(step) && step == "version" && self.version.is_some() => "differs",
                _ if state.contains(step) => "same",
                _ => "missing",
            });
        }
        match sql {
            s if s.contains("BEGIN TRANSACTION") => self.pending = Some(self.committed.clone()),
            s if s.starts_with("COMMIT") => self.committed = self.pending.take().unwrap(),
            s if s.contains("ROLLBACK") => self.pending = None,
            s if s.contains("RECONFIGURE") => self.disabled = false,
            s => {
                if let Some((step, _)) = STEPS.iter().find(|(_, mark)| s.contains(mark)) {
                    if *step == "version" {
                        self.version = None;
                    }
                    let state = match (&mut self.pending, *step, self.alone) {
                        (Some(_), "language", Some(error)) => {
                            return Answer::Error(error, "not allowed within a transaction".into());
                        }
                        (Some(pending), ..) => pending,
                        (None, "language", Some(_)) => &mut self.committed,
                        (None, ..) => panic!("a change outside of a transaction"),
                    };
                    state.insert(step);
                }
            }
        }
        Answer::Done
    }
}

fn name_of(name: &str) -> &'static str {
    ["CREATE EXTERNAL LANGUAGE", "ALTER ANY EXTERNAL LANGUAGE", "CREATE ROLE"]
        .into_iter()
        .find(|n| *n == name)
        .unwrap()
}

/// Which step's check this is.
pub fn checked_step(sql: &str) -> Option<&'static str> {
    if !sql.starts_with("SELECT CASE") {
        return None;
    }
    let named =
        STEPS.iter().find(|(_, mark)| mark.split_once(" = ").is_some_and(|(_, name)| sql.contains(name)));
    Some(named.map_or("language", |(step, _)| step))
}

pub struct World {
    pub server: Server,
    pub database: Arc<Mutex<Database>>,
    pub folder: tempfile::TempDir,
}

impl World {
    pub fn new() -> World {
        let database = Arc::new(Mutex::new(Database::default()));
        let shared = database.clone();
        World::with(database, move |sql| shared.lock().unwrap().answer(sql))
    }

    pub fn with(
        database: Arc<Mutex<Database>>,
        behaviour: impl FnMut(&str) -> Answer + Send + 'static,
    ) -> World {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(&folder.path().join("ca.pem"), behaviour);
        zip(&folder.path().join("linux.zip"), "libhart_sqlhost.so", b"\x7fELF linux");
        zip(&folder.path().join("windows.zip"), "hart_sqlhost.dll", b"MZ windows");
        World { server, database, folder }
    }

    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().into()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hart"));
        command.env_clear().env("HART_PASSWORD", "s3cret-of-sa").args(arguments).args([
            "--server",
            &format!("localhost,{}", self.server.port),
            "--database",
            "db",
            "--user",
            "sa",
            "--encrypt",
            "strict",
            "--ca-certificate",
            &self.path("ca.pem"),
        ]);
        command
    }

    pub fn hart(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output().unwrap();
        for text in [&output.stdout, &output.stderr] {
            assert!(!String::from_utf8_lossy(text).contains("s3cret"), "a password was shown");
        }
        output
    }

    pub fn deploy(&self, more: &[&str]) -> Output {
        self.hart(&[&["deploy", "--linux", &self.path("linux.zip")], more].concat())
    }

    pub fn committed(&self) -> Vec<&'static str> {
        let database = self.database.lock().unwrap();
        assert!(database.pending.is_none(), "a transaction is open");
        STEPS.iter().map(|s| s.0).filter(|s| database.committed.contains(s)).collect()
    }

    pub fn set(&self, change: impl FnOnce(&mut Database)) {
        change(&mut self.database.lock().unwrap());
    }
}

pub fn zip(path: &Path, name: &str, content: &[u8]) {
    let mut zip = zip::ZipWriter::new(std::fs::File::create(path).unwrap());
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    zip.start_file(name, options).unwrap();
    zip.write_all(content).unwrap();
    zip.finish().unwrap();
}

pub fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Fails in one line with these parts.
#[track_caller]
pub fn fails(output: &Output, parts: &[&str]) {
    let stderr = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    for part in parts {
        assert!(stderr.contains(part), "`{part}` is not in {stderr}");
    }
}
