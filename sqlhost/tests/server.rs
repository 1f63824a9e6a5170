//! The subcommands for servers, against a server that keeps the books of transactions.

#![cfg(unix)]

#[path = "common/script.rs"]
mod script;
mod tds;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};
use tds::{Answer, Server};

/// Steps in their order, with what a statement holds that does the step.
const STEPS: [(&str, &str); 4] = [
    ("language", "CREATE EXTERNAL LANGUAGE [hart]"),
    ("core", "sp_addextendedproperty @name = N'hart.core'"),
    ("wrappers", "sp_addextendedproperty @name = N'hart.wrappers'"),
    ("role", "sp_addextendedproperty @name = N'hart.role'"),
];

/// What a database holds, as far as the checks of the steps ask.
#[derive(Default)]
struct Database {
    committed: BTreeSet<&'static str>,
    pending: Option<BTreeSet<&'static str>>,
    foreign: Option<&'static str>,
    facts: Vec<(&'static str, &'static str)>,
    disabled: bool,
    /// The batch with this text gets this answer instead.
    fault: Option<(&'static str, Answer)>,
}

impl Database {
    fn answer(&mut self, sql: &str) -> Answer {
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
        let state = self.pending.as_ref().unwrap_or(&self.committed);
        if let Some(step) = checked_step(sql) {
            return Answer::word(match self.foreign {
                Some(foreign) if foreign == step => "foreign",
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
                    self.pending.as_mut().expect("a change outside of a transaction").insert(step);
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
fn checked_step(sql: &str) -> Option<&'static str> {
    if !sql.starts_with("SELECT CASE") {
        return None;
    }
    let properties = ["core", "wrappers", "role"];
    Some(properties.into_iter().find(|p| sql.contains(&format!("N'hart.{p}'"))).unwrap_or("language"))
}

struct World {
    server: Server,
    database: Arc<Mutex<Database>>,
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> World {
        let database = Arc::new(Mutex::new(Database::default()));
        let shared = database.clone();
        World::with(database, move |sql| shared.lock().unwrap().answer(sql))
    }

    fn with(database: Arc<Mutex<Database>>, behaviour: impl FnMut(&str) -> Answer + Send + 'static) -> World {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(&folder.path().join("ca.pem"), behaviour);
        zip(&folder.path().join("linux.zip"), "libhart_sqlhost.so", b"\x7fELF linux");
        zip(&folder.path().join("windows.zip"), "hart_sqlhost.dll", b"MZ windows");
        World { server, database, folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().into()
    }

    fn command(&self, arguments: &[&str]) -> Command {
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

    fn hart(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output().unwrap();
        for text in [&output.stdout, &output.stderr] {
            assert!(!String::from_utf8_lossy(text).contains("s3cret"), "a password was shown");
        }
        output
    }

    fn deploy(&self, more: &[&str]) -> Output {
        self.hart(&[&["deploy", "--linux", &self.path("linux.zip")], more].concat())
    }

    fn committed(&self) -> Vec<&'static str> {
        let database = self.database.lock().unwrap();
        assert!(database.pending.is_none(), "a transaction is open");
        STEPS.iter().map(|s| s.0).filter(|s| database.committed.contains(s)).collect()
    }

    fn set(&self, change: impl FnOnce(&mut Database)) {
        change(&mut self.database.lock().unwrap());
    }
}

fn zip(path: &Path, name: &str, content: &[u8]) {
    let mut zip = zip::ZipWriter::new(std::fs::File::create(path).unwrap());
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    zip.start_file(name, options).unwrap();
    zip.write_all(content).unwrap();
    zip.finish().unwrap();
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Fails in one line with these parts.
#[track_caller]
fn fails(output: &Output, parts: &[&str]) {
    let stderr = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    for part in parts {
        assert!(stderr.contains(part), "`{part}` is not in {stderr}");
    }
}

const INSTALLED: &str =
    "language: installed\ncore: installed\nwrappers: installed\nrole: installed\ncheck: passed\n";

/// The batches of a deployment are those of the script, in its order, between checks.
#[test]
fn deploys_what_the_script_says() {
    let world = World::new();
    let archives = ["--linux", &world.path("linux.zip"), "--windows", &world.path("windows.zip")];
    let settings = ["--parameters", "max_memory_mb=4096"];
    let output = world.hart(&[&["deploy"][..], &archives, &settings].concat());
    assert_eq!(stdout(&output), INSTALLED);
    assert_eq!(world.committed(), ["language", "core", "wrappers", "role"]);

    let hart = Command::new(env!("CARGO_BIN_EXE_hart"))
        .args([&["script"][..], &archives, &settings].concat())
        .output()
        .unwrap();
    let script = stdout(&hart);
    let expected: Vec<&str> = script
        .split("\nGO\n")
        .map(str::trim)
        // The header, and the conditions that the tool asks of the server in its own way.
        .filter(|b| !b.is_empty() && !b.contains(":on error exit") && !b.starts_with("PRINT"))
        .filter(|b| !b.contains("THROW 59913") && !b.contains("THROW 59910"))
        .collect();
    let log = world.server.log();
    let asked = |b: &str| b == "login" || checked_step(b).is_some() || b.starts_with("SELECT name, CAST(");
    let sent: Vec<&str> = log.iter().map(|b| b.trim()).filter(|b| !asked(b)).collect();
    assert_eq!(sent, expected);
    let transactions = |what: &str| sent.iter().filter(|b| b.contains(what)).count();
    assert_eq!((transactions("BEGIN TRANSACTION"), transactions("COMMIT")), (4, 4));
    // Both libraries arrive as they are.
    for (file, platform) in [("linux.zip", "LINUX"), ("windows.zip", "WINDOWS")] {
        let mut hex = String::new();
        for line in
            log.iter().flat_map(|b| b.lines()).filter(|l| l.ends_with(&format!("platform = N'{platform}';")))
        {
            hex.push_str(line.split("WRITE(0x").nth(1).unwrap().split(',').next().unwrap());
        }
        let bytes = std::fs::read(world.path(file)).unwrap();
        assert_eq!(hex, bytes.iter().map(|b| format!("{b:02X}")).collect::<String>());
        let hash: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02X}")).collect();
        assert!(log.iter().any(|b| b.contains(&format!("N'{platform}', N'")) && b.contains(&hash)));
    }
    assert!(log.iter().any(|b| b.contains("@parameters nvarchar(4000) = N'max_memory_mb=4096'")));
}

#[test]
fn a_second_deployment_changes_nothing() {
    let world = World::new();
    stdout(&world.deploy(&[]));
    world.server.clear();
    let again = stdout(&world.deploy(&["--no-check"]));
    assert_eq!(again, "language: as it is\ncore: as it is\nwrappers: as it is\nrole: as it is\n");
    let log = world.server.log();
    assert!(!log.iter().any(|b| b.contains("TRANSACTION") || b.contains("#hart_content")), "{log:?}");
}

#[test]
fn a_dry_run_only_asks() {
    let world = World::new();
    let text = stdout(&world.deploy(&["--dry-run"]));
    assert!(text.contains("CREATE EXTERNAL LANGUAGE [hart]") && text.contains("[hart].[VectorTopK]"));
    assert!(world.committed().is_empty());
    for batch in world.server.log().iter().filter(|b| *b != "login") {
        assert!(batch.starts_with("SELECT"), "{batch}");
    }
}

#[test]
fn what_is_not_ours_is_refused_before_anything_is_done() {
    for (step, part) in
        [("language", "not this library"), ("wrappers", "none of ours"), ("role", "hart_caller")]
    {
        let world = World::new();
        world.set(|d| d.foreign = Some(step));
        let output = world.deploy(&[]);
        fails(&output, &["nothing was changed", part]);
        assert!(output.stdout.is_empty());
        assert!(!world.server.log().iter().any(|b| b.contains("BEGIN TRANSACTION")));
    }
}

#[test]
fn an_error_half_way_undoes_its_step() {
    let world = World::new();
    world.set(|d| {
        d.fault =
            Some(("[hart].[VectorTopK]\n", Answer::Error(262, "CREATE PROCEDURE permission denied".into())))
    });
    let output = world.deploy(&[]);
    fails(&output, &["step wrappers failed", "done before it: language, core", "error 262", "hart status"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "language: installed\ncore: installed\n");
    assert_eq!(world.committed(), ["language", "core"]);
    // The rest follows when the cause is mended.
    world.set(|d| d.fault = None);
    let rest = stdout(&world.deploy(&[]));
    assert_eq!(
        rest,
        "language: as it is\ncore: as it is\nwrappers: installed\nrole: installed\ncheck: passed\n"
    );
}

/// Statements that run without an error but leave another state are no success.
#[test]
fn a_step_is_done_only_if_its_check_says_so() {
    let world = World::new();
    world.set(|d| d.fault = Some(("sp_addextendedproperty @name = N'hart.core'", Answer::Done)));
    fails(&world.deploy(&[]), &["step core failed", "'missing', expected 'same'"]);
    assert_eq!(world.committed(), ["language"]);
}

#[test]
fn a_connection_that_breaks_is_no_success() {
    for (at, step, kept) in [
        ("UPDATE #hart_content", "language", &[][..]),
        ("CREATE EXTERNAL LANGUAGE [hart]", "language", &[]),
        ("PROCEDURE [hart].[PrepareSource]", "core", &["language"]),
    ] {
        let world = World::new();
        world.set(|d| d.fault = Some((at, Answer::Drop)));
        let output = world.deploy(&[]);
        fails(&output, &[&format!("step {step} failed"), "broke"]);
        assert!(!String::from_utf8_lossy(&output.stdout).contains(step));
        assert_eq!(world.committed(), kept);
    }
    let world = World::new();
    world.set(|d| d.fault = Some(("COMMIT", Answer::Drop)));
    let output = world.deploy(&[]);
    fails(&output, &["the end of the transaction was not confirmed", "hart status"]);
    assert!(output.stdout.is_empty());
}

#[test]
fn a_server_that_stalls_is_left() {
    let world = World::new();
    world.set(|d| d.fault = Some(("CREATE EXTERNAL LANGUAGE [hart]", Answer::Stall)));
    let output = world.deploy(&["--timeout", "1"]);
    fails(&output, &["step language failed", "within 1 s", "--timeout"]);
    assert!(output.stdout.is_empty());
    let world = World::new();
    world.set(|d| d.fault = Some(("login", Answer::Stall)));
    fails(&world.deploy(&["--connect-timeout", "1"]), &["did not answer within 1 s"]);
}

#[test]
fn a_failed_check_is_told() {
    let world = World::new();
    world.set(|d| d.fault = Some(("DECLARE @hits TABLE", Answer::Error(39021, "Launchpad".into()))));
    fails(&world.deploy(&[]), &["installed, but a call does not go through", "39021", "Launchpad service"]);
}

#[test]
fn a_server_that_is_not_ready_is_told_what_it_lacks() {
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);
    let cases: [Case<'_>; 6] = [
        (&[("enabled", "0")], &["sp_configure N'external scripts enabled', 1"]),
        (&[("feature", "")], &["not installed", "mssql-server-extensibility"]),
        (&[("feature", "0"), ("platform", "Windows")], &["run Setup"]),
        (&[("version", "14.0.3000.1")], &["2019"]),
        (&[("engine", "5"), ("edition", "SQL Azure")], &["takes no external languages", "--server"]),
        (&[("denied", "CREATE ROLE"), ("user", "we]ird")], &["GRANT CREATE ROLE TO [we]]ird];"]),
    ];
    for (facts, parts) in cases {
        let world = World::new();
        let facts: Vec<_> = facts.iter().map(|(n, v)| (leak(n), leak(v))).collect();
        world.set(|d| d.facts = facts);
        let output = world.deploy(&[]);
        fails(&output, &[&["nothing was changed"], parts].concat());
        assert!(!world.server.log().iter().any(|b| b.contains("TRANSACTION")));
        let status = world.hart(&["status"]);
        fails(&status, &["is not complete"]);
        for part in parts {
            assert!(String::from_utf8_lossy(&status.stdout).contains(part), "{part}");
        }
    }
}

fn leak(text: &str) -> &'static str {
    Box::leak(text.to_string().into_boxed_str())
}

#[test]
fn refused_logins_say_what_to_do() {
    for (number, parts) in [
        (18456, &["wrong password", "18456"][..]),
        (4060, &["no database db"]),
        (18488, &["expired or must be changed"]),
        (40615, &["firewall"]),
    ] {
        let world = World::new();
        world.set(|d| d.fault = Some(("login", Answer::Error(number, "Login failed for user 'sa'.".into()))));
        fails(&world.hart(&["status"]), parts);
    }
    // A token is another cause.
    let world = World::new();
    world.set(|d| d.fault = Some(("login", Answer::Error(18456, "Login failed".into()))));
    let output = world.command(&["status", "--auth", "token"]).env("HART_TOKEN", "s3cret").output().unwrap();
    fails(&output, &["access token", "expired"]);
}

/// A database of Azure that wakes up refuses the first login.
#[test]
fn a_login_is_tried_again_where_that_helps() {
    let database = Arc::new(Mutex::new(Database::default()));
    let (shared, mut logins) = (database.clone(), 0);
    let world = World::with(database, move |sql| {
        logins += i32::from(sql == "login");
        match sql {
            "login" if logins == 1 => Answer::Error(40613, "Database is not currently available".into()),
            sql => shared.lock().unwrap().answer(sql),
        }
    });
    stdout(&world.deploy(&[]));
    assert_eq!(world.server.log().iter().filter(|b| *b == "login").count(), 2);
}

#[test]
fn external_scripts_are_enabled_on_demand() {
    let world = World::new();
    world.set(|d| d.facts = vec![("enabled", "0")]);
    world.set(|d| d.disabled = true);
    let text = stdout(&world.deploy(&["--enable-external-scripts"]));
    assert_eq!(text, format!("external scripts: installed\n{INSTALLED}"));
    let log = world.server.log();
    let at = |part: &str| log.iter().position(|b| b.contains(part)).unwrap();
    assert!(at("RECONFIGURE WITH OVERRIDE") < at("BEGIN TRANSACTION"));
}

#[test]
fn secrets_come_from_files_too() {
    let world = World::new();
    std::fs::write(world.path("empty"), "\n").unwrap();
    fails(&world.hart(&["status", "--password-file", &world.path("empty")]), &["first line", "empty"]);
    fails(&world.hart(&["status", "--password-file", &world.path("none")]), &["cannot read"]);
    let output =
        world.command(&["status"]).env_remove("HART_PASSWORD").stdin(Stdio::null()).output().unwrap();
    // Without a terminal there is no prompt.
    fails(&output, &["HART_PASSWORD", "--password-file"]);
    fails(&world.hart(&["status", "--auth", "token"]), &["HART_TOKEN", "--token-file"]);
    assert!(world.server.log().is_empty());
}

#[test]
fn status_of_an_installation() {
    let world = World::new();
    fails(&world.hart(&["status"]), &["is not complete"]);
    stdout(&world.deploy(&[]));
    let text = stdout(&world.hart(&["status"]));
    for part in
        ["17.0.1000.7", "step wrappers             same", "callers                   none (ALTER ROLE"]
    {
        assert!(text.contains(part), "`{part}` is not in {text}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&stdout(&world.hart(&["status", "--format", "json"]))).unwrap();
    assert_eq!(json["steps"][3]["state"], "same");
    assert_eq!(json["missing"].as_array().unwrap().len(), 0);
}

/// Batches that sqlparser 0.64 does not know, by a part of them and what it lacks.
const UNKNOWN_TO_PARSER: &[(&str, &str)] = &[
    ("RECONFIGURE WITH OVERRIDE;", "RECONFIGURE"),
    ("GRANT EXECUTE ON SCHEMA::", "securables with a class"),
    ("GRANT EXECUTE EXTERNAL SCRIPT ON", "the permission EXECUTE EXTERNAL SCRIPT"),
    ("EXEC @result = sp_getapplock", "EXEC @variable = procedure"),
    ("content.WRITE(", "UPDATE … SET column.WRITE"),
    ("REVOKE EXECUTE ON SCHEMA::", "securables with a class"),
];

/// Everything that is sent parses, but for the exceptions.
fn parses<'a>(batches: impl IntoIterator<Item = &'a str>) {
    let mut wrong = Vec::new();
    for batch in batches {
        let known = !UNKNOWN_TO_PARSER.iter().any(|(part, _)| batch.contains(part));
        if known && let Err(error) = script::parse(batch) {
            wrong.push(format!("{error} in\n{batch}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn scripts_parse() {
    let world = World::new();
    let archives = ["script", "--linux", &world.path("linux.zip"), "--windows", &world.path("windows.zip")];
    let more = ["--enable-external-scripts", "--parameters", "a='b'", "--output", &world.path("install.sql")];
    let output =
        Command::new(env!("CARGO_BIN_EXE_hart")).args([&archives[..], &more].concat()).output().unwrap();
    assert_eq!(stdout(&output), "");
    let text = std::fs::read_to_string(world.path("install.sql")).unwrap();
    assert!(text.lines().all(|l| l.len() < 8300 || l.starts_with("--")));
    let batches = script::batches(&text);
    assert!(batches.len() > 60);
    parses(batches.iter().map(String::as_str));
    // Both texts of RECONFIGURE come before the first transaction.
    assert!(text.find("RECONFIGURE WITH OVERRIDE;\nGO").unwrap() < text.find("BEGIN TRANSACTION").unwrap());
}

/// What a database holds of ours, for the checks of a removal.
struct Remains {
    there: BTreeSet<&'static str>,
    pending: Option<BTreeSet<&'static str>>,
    others: Vec<&'static str>,
    foreign: bool,
    fault: &'static str,
}

impl Remains {
    /// Part, what its check asks for, and what its statements hold.
    const PARTS: [(&'static str, &'static str, &'static str); 4] = [
        ("wrappers", "FROM sys.types WHERE", "DROP PROCEDURE [hart]"),
        ("role", "FROM sys.database_principals WHERE name = N'hart_caller'", "DROP ROLE [hart_caller]"),
        ("schema", "FROM sys.schemas", "DROP SCHEMA [hart]"),
        ("language", "(SELECT * FROM sys.external_languages WHERE", "DROP EXTERNAL LANGUAGE [hart]"),
    ];

    fn answer(&mut self, sql: &str) -> Answer {
        if !self.fault.is_empty() && sql.contains(self.fault) {
            return Answer::Error(3729, "Cannot drop: it is being referenced".into());
        }
        if sql.contains("ProductVersion") {
            return Answer::Rows(vec![
                vec!["version".into(), "16.0.1".into()],
                vec!["engine".into(), "3".into()],
            ]);
        }
        if sql.starts_with("SELECT CASE") && sql.contains("N'foreign'") {
            return Answer::word(if self.foreign { "foreign" } else { "same" });
        }
        if sql.starts_with("SELECT CASE") {
            let (part, ..) = Self::PARTS.iter().find(|(_, asks, _)| sql.contains(asks)).unwrap();
            let now = self.pending.as_ref().unwrap_or(&self.there);
            return Answer::word(if now.contains(part) { "there" } else { "same" });
        }
        if sql.starts_with("SELECT o.name") {
            return Answer::Rows(self.others.iter().map(|o| vec![o.to_string()]).collect());
        }
        match sql {
            s if s.contains("BEGIN TRANSACTION") => self.pending = Some(self.there.clone()),
            s if s.starts_with("COMMIT") => self.there = self.pending.take().unwrap(),
            s if s.contains("ROLLBACK") => self.pending = None,
            s => {
                if let Some((part, ..)) = Self::PARTS.iter().find(|(_, _, does)| s.contains(does)) {
                    self.pending.as_mut().expect("a change outside of a transaction").remove(part);
                }
            }
        }
        Answer::Done
    }
}

fn installed() -> (World, Arc<Mutex<Remains>>) {
    let there = Remains::PARTS.iter().map(|p| p.0).collect();
    let remains = Remains { there, pending: None, others: Vec::new(), foreign: false, fault: "" };
    let remains = Arc::new(Mutex::new(remains));
    let shared = remains.clone();
    (World::with(Arc::default(), move |sql| shared.lock().unwrap().answer(sql)), remains)
}

#[test]
fn a_removal_leaves_nothing() {
    let (world, remains) = installed();
    let dry = stdout(&world.hart(&["undeploy", "--dry-run"]));
    assert!(dry.contains("DROP EXTERNAL LANGUAGE [hart]") && !dry.contains(": removed"));
    parses(script::batches(&dry).iter().map(String::as_str));
    assert_eq!(remains.lock().unwrap().there.len(), 4);
    let text = stdout(&world.hart(&["undeploy"]));
    assert_eq!(text, "wrappers: removed\nrole: removed\nschema: removed\nlanguage: removed\n");
    assert!(remains.lock().unwrap().there.is_empty());
    let again = stdout(&world.hart(&["undeploy"]));
    assert_eq!(again, "wrappers: not there\nrole: not there\nschema: not there\nlanguage: not there\n");
}

#[test]
fn a_removal_refuses_what_is_not_ours() {
    let (world, remains) = installed();
    remains.lock().unwrap().foreign = true;
    fails(&world.hart(&["undeploy"]), &["nothing was changed", "not this library"]);
    remains.lock().unwrap().foreign = false;
    remains.lock().unwrap().others = vec!["SearchNode", "MyTable"];
    fails(&world.hart(&["undeploy"]), &["nothing was changed", "SearchNode, MyTable", "--with-scaleout"]);
    assert!(!world.server.log().iter().any(|b| b.contains("TRANSACTION")));
}

#[test]
fn an_error_of_a_removal_undoes_its_part() {
    let (world, remains) = installed();
    remains.lock().unwrap().fault = "DROP SCHEMA";
    let output = world.hart(&["undeploy"]);
    fails(&output, &["the part schema could not be removed and is there as before", "3729"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "wrappers: removed\nrole: removed\n");
    let remains = remains.lock().unwrap();
    assert!(remains.pending.is_none());
    assert_eq!(remains.there.iter().copied().collect::<Vec<_>>(), ["language", "schema"]);
}

#[test]
fn a_package_is_what_deploy_takes() {
    let world = World::new();
    let (so, dll) = (world.path("x.so"), world.path("x.dll"));
    std::fs::write(&so, b"\x7fELF library").unwrap();
    std::fs::write(&dll, b"MZ library").unwrap();
    let package = |arguments: &[&str]| {
        let folder = world.path("");
        let all = [&["package", "--output", &folder], arguments].concat();
        Command::new(env!("CARGO_BIN_EXE_hart")).args(all).output().unwrap()
    };
    let sums = stdout(&package(&["--linux", &so, "--windows", &dll]));
    assert_eq!(std::fs::read_to_string(world.path("SHA256SUMS")).unwrap(), sums);
    for (line, file) in sums.lines().zip(["hart-windows.zip", "hart-linux.zip"]) {
        let bytes = std::fs::read(world.path(file)).unwrap();
        let hash: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(line, format!("{hash}  {file}"));
        let mut zip = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
        assert_eq!(zip.len(), 1);
        let mut library = Vec::new();
        std::io::Read::read_to_end(&mut zip.by_index(0).unwrap(), &mut library).unwrap();
        assert!(library.ends_with(b" library"));
    }
    // The same library gives the same archive: a repeated deployment has nothing to do.
    assert_eq!(stdout(&package(&["--linux", &so, "--windows", &dll])), sums);
    let deployed = world.hart(&["deploy", "--linux", &world.path("hart-linux.zip"), "--no-check"]);
    assert!(stdout(&deployed).starts_with("language: installed\n"));
    fails(&package(&["--linux", &dll]), &["is no library for LINUX"]);
    fails(&package(&["--windows", &world.path("none")]), &["cannot read"]);
    fails(&package(&[]), &["which library?"]);
}

#[test]
fn archives_that_a_server_would_not_load() {
    let world = World::new();
    let archive = world.path("bad.zip");
    let write = |name: &str, content: &[u8]| zip(Path::new(&archive), name, content);
    let refused = |parts: &[&str]| {
        fails(&world.hart(&["deploy", "--linux", &archive]), parts);
        // Nothing was sent.
        assert!(world.server.log().is_empty());
    };
    write("folder/libhart_sqlhost.so", b"\x7fELF");
    refused(&["holds folder/libhart_sqlhost.so", "in no folder", "hart package"]);
    write("hart_sqlhost.dll", b"MZ..");
    refused(&["holds hart_sqlhost.dll", "expected libhart_sqlhost.so"]);
    write("libhart_sqlhost.so", b"MZ..");
    refused(&["no library for LINUX"]);
    write("libhart_sqlhost.so", b"");
    refused(&["too short"]);
    std::fs::write(&archive, "no zip").unwrap();
    refused(&["no zip archive"]);
    std::fs::remove_file(&archive).unwrap();
    refused(&["cannot read"]);
    fails(&world.hart(&["deploy"]), &["which library?", "--linux ZIP"]);
    let long = "x".repeat(4001);
    fails(&world.deploy(&["--parameters", &long]), &["4001 characters"]);
}

/// Peak memory of a deployment is below three times the library.
#[cfg(target_os = "linux")]
#[test]
fn memory_of_a_deployment() {
    const SIZE: usize = 20 << 20;
    let world = World::new();
    let mut state = 1u32;
    let mut content = b"\x7fELF".to_vec();
    content.resize_with(SIZE, || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    zip(Path::new(&world.path("linux.zip")), "libhart_sqlhost.so", &content);
    drop(content);
    // It waits in the first step, when everything has been sent.
    world.set(|d| d.fault = Some(("CREATE EXTERNAL LANGUAGE [hart]", Answer::Stall)));
    let mut child = world
        .command(&["deploy", "--linux", &world.path("linux.zip")])
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while !world.server.log().iter().any(|b| b.contains("BEGIN TRANSACTION")) {
        assert!(child.try_wait().unwrap().is_none(), "the deployment ended early");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    let peak: usize = line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024;
    println!("peak memory {} MB for a library of {} MB", peak >> 20, SIZE >> 20);
    assert!(peak < 3 * SIZE, "peak memory {peak} for a library of {SIZE} bytes");
}
