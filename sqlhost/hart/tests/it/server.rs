//! `hart deploy` and `hart status`, against a server that keeps the books of transactions.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use crate::tds::Answer;
use crate::tds::world::{Database, World, checked_step, fails, stdout, zip};
use sha2::{Digest, Sha256};

const INSTALLED: &str = "language: installed\ncore: installed\nwrappers: installed\nrole: installed\n\
                         version: installed\ncheck: passed\n";

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The batches of a deployment are those of the script, in its order, between checks.
#[test]
fn deploys_what_the_script_says() {
    let world = World::new();
    let archives = ["--linux", &world.path("linux.zip"), "--windows", &world.path("windows.zip")];
    let variables = r#"{"HART_INTERFACE_VERSION": "3"}"#;
    let settings = ["--parameters", "max_memory_mb=4096", "--environment", variables];
    let settings = [&settings[..], &["--with", "broker,functions", "--with", "linked-search"]].concat();
    let functions = ["--dimensions", "384", "--functions-schema", "vec]s"];
    let settings = [&settings[..], &functions].concat();
    let output = world.hart(&[&["deploy"][..], &archives, &settings].concat());
    let additions = ["functions", "linked-search", "broker"];
    let installed: String = additions.iter().map(|a| format!("{a}: installed\n")).collect();
    assert_eq!(stdout(&output), INSTALLED.replace("check:", &format!("{installed}check:")));
    assert_eq!(
        world.committed(),
        [&["language", "core", "wrappers", "role", "version"][..], &additions].concat()
    );

    let hart = Command::new(env!("CARGO_BIN_EXE_hart"))
        .args([&["script"][..], &archives, &settings].concat())
        .output()
        .unwrap();
    let script = stdout(&hart);
    assert!(script.is_ascii());
    // The file goes without the transaction where the server refuses it, as the command does by itself.
    let language = |batch: &str| match batch.strip_prefix("DECLARE @step nvarchar(max) = N'") {
        None => batch.to_string(),
        Some(rest) => {
            let (step, way_out) =
                rest.split_once("';\nBEGIN TRY\n    EXEC sys.sp_executesql @step;\n").unwrap();
            let order = [
                "NOT IN (226, 574)",
                "THROW;",
                "ROLLBACK TRANSACTION;",
                "sp_executesql @step;",
                "BEGIN TRANSACTION;",
            ];
            assert!(order.map(|part| way_out.find(part).unwrap()).is_sorted(), "{way_out}");
            step.replace("''", "'").trim().to_string()
        }
    };
    let expected: Vec<String> = script
        .split("\nGO\n")
        .map(str::trim)
        // The header, and the conditions that the tool asks of the server in its own way.
        .filter(|b| !b.is_empty() && !b.contains(":on error exit") && !b.starts_with("PRINT"))
        .filter(|b| !b.contains("THROW 59913") && !b.contains("THROW 59910"))
        .map(language)
        .collect();
    let log = world.server.log();
    let asked = |b: &str| b == "login" || checked_step(b).is_some() || b.starts_with("SELECT name, CAST(");
    let sent: Vec<&str> = log.iter().map(|b| b.trim()).filter(|b| !asked(b)).collect();
    assert_eq!(sent, expected);
    let transactions = |start: &str| sent.iter().filter(|b| b.starts_with(start)).count();
    assert_eq!(
        (
            transactions("SET QUOTED_IDENTIFIER, ANSI_NULLS, XACT_ABORT ON;"),
            transactions("COMMIT TRANSACTION;")
        ),
        (8, 8)
    );
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
    let language = log.iter().find(|b| b.contains("CREATE EXTERNAL LANGUAGE [hart]")).unwrap();
    assert!(language.contains("@parameters nvarchar(4000) = N'max_memory_mb=4096'"));
    assert!(language.contains(&format!("@environment nvarchar(4000) = N'{variables}'")));
}

#[test]
fn a_second_deployment_changes_nothing() {
    let world = World::new();
    stdout(&world.deploy(&[]));
    world.server.clear();
    let again = stdout(&world.deploy(&["--no-check"]));
    assert_eq!(
        again,
        "language: as it is\ncore: as it is\nwrappers: as it is\nrole: as it is\nversion: as it is\n"
    );
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
    for (step, part) in [
        ("language", "not this library"),
        (
            "core",
            "a procedure of the core that is none of ours; it is not touched: rename or move it (a.Name, other)",
        ),
        ("wrappers", "none of ours; it is not touched: rename or move it (a.Name, other)"),
        ("role", "hart_caller"),
        ("broker", "objects of the names of broker are there that this program did not make; --replace"),
    ] {
        let world = World::new();
        world.set(|d| d.foreign = Some(step));
        let output = world.deploy(&["--with", "broker"]);
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
        format!(
            "from a version without a mark to {VERSION}\nlanguage: as it is\ncore: as it is\nwrappers: installed\n\
             role: installed\nversion: installed\ncheck: passed\n"
        )
    );
}

#[test]
fn additions_need_what_they_use() {
    let world = World::new();
    let deploy = |more: &[&str]| world.deploy(more);
    fails(&deploy(&["--with", "functions"]), &["--dimensions N", "--with functions"]);
    world.set(|d| d.facts = vec![("version", "16.0.4003.1")]);
    fails(
        &deploy(&["--with", "hartonomous"]),
        &["nothing was changed", "--with hartonomous", "2025", "16.0.4003.1"],
    );
    assert!(world.committed().is_empty());
    let linked = stdout(&deploy(&["--with", "linked-search"]));
    assert!(linked.contains("linked-search: installed"), "{linked}");
    // What another addition or the database has to give is asked for before the first change, all of it.
    let world = World::new();
    for (unmet, with, parts) in [
        ("N'hart_work.WorkHandler'", "queued-projection", &["say --with broker,queued-projection"][..]),
        ("is_broker_enabled", "broker", &["--with broker: Service Broker is off", "SET ENABLE_BROKER"]),
        (
            "N'dbo.AtomEmbeddings'",
            "hartonomous,broker,queued-projection",
            &[
                "--with hartonomous: the application's tables",
                "--with queued-projection: the application's table dbo.AtomEmbeddings",
            ],
        ),
    ] {
        world.set(|d| d.unmet = Some(unmet));
        fails(&world.deploy(&["--with", with]), &[&["nothing was changed"], parts].concat());
        assert!(!world.server.log().iter().any(|b| b.contains("TRANSACTION")));
    }
    world.set(|d| d.unmet = Some("N'hart_work.WorkHandler'"));
    let both = stdout(&world.deploy(&["--with", "broker,queued-projection"]));
    assert!(both.contains("broker: installed\nqueued-projection: installed\n"), "{both}");
}

#[test]
fn settings_that_no_server_takes() {
    let world = World::new();
    for (value, part) in [
        ("HART_THREADS=4", r#"expected {"NAME": "VALUE", …}"#),
        (r#"["HART_THREADS"]"#, r#"expected {"NAME""#),
        (r#"{"HART_THREADS": 4}"#, r#"expected {"NAME""#),
        (r#"{"A=B": "4"}"#, "a variable named \"A=B\""),
    ] {
        fails(&world.deploy(&["--environment", value]), &["--environment", part]);
    }
    assert!(world.server.log().is_empty());
}

/// A server may refuse to make a language in a transaction: then it is made without, and what that leaves is said.
#[test]
fn a_language_that_is_refused_in_a_transaction() {
    for error in [226, 574] {
        let world = World::new();
        world.set(|d| d.alone = Some(error));
        assert_eq!(stdout(&world.deploy(&[])), INSTALLED);
        let log = world.server.log();
        let made: Vec<usize> =
            (0..log.len()).filter(|&i| log[i].contains("CREATE EXTERNAL LANGUAGE [hart]")).collect();
        let undone = log.iter().position(|b| b.contains("ROLLBACK TRANSACTION")).unwrap();
        assert!(made.len() == 2 && made[0] < undone && undone < made[1], "{made:?} {undone}");
    }
    // Another error is no reason to go without.
    let world = World::new();
    world.set(|d| d.alone = Some(3930));
    let output = world.deploy(&[]);
    fails(&output, &["step language failed and nothing of it was kept", "3930"]);
}

#[test]
fn upgrades_say_from_where() {
    let world = World::new();
    let upgrade =
        |more: &[&str]| world.hart(&[&["upgrade", "--linux", &world.path("linux.zip")], more].concat());
    fails(&upgrade(&[]), &["nothing was changed", "database db has nothing to upgrade", "hart deploy"]);
    assert!(world.committed().is_empty());
    stdout(&world.deploy(&[]));
    world.set(|d| d.version = Some("0.0.9"));
    let text = stdout(&upgrade(&[]));
    assert!(text.starts_with(&format!("from version 0.0.9 to {VERSION}\nlanguage: as it is\n")), "{text}");
    assert!(text.contains("version: replaced\n"), "{text}");
    assert!(stdout(&upgrade(&["--no-check"])).starts_with("language: as it is\n"));
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
    assert!(!String::from_utf8_lossy(&output.stderr).contains("nothing of it was kept"));
    // The server's no to the end is another thing: it is undone.
    let world = World::new();
    world.set(|d| d.fault = Some(("COMMIT", Answer::Error(3314, "The log is full".into()))));
    fails(&world.deploy(&[]), &["step language failed and nothing of it was kept", "3314"]);
    assert!(world.committed().is_empty());
}

#[test]
fn a_server_that_stalls_is_left() {
    let world = World::new();
    world.set(|d| d.fault = Some(("CREATE EXTERNAL LANGUAGE [hart]", Answer::Stall)));
    let output = world.deploy(&["--timeout", "1"]);
    fails(
        &output,
        &["step language failed and nothing", "within 1 s", "told to stop, and no longer runs;", "--timeout"],
    );
    assert!(output.stdout.is_empty());
    // The server is told to stop, and what it had done in the transaction is undone on the same connection.
    let log = world.server.log();
    let at = log.iter().position(|b| b == "attention").unwrap();
    assert!(log[at - 1].contains("CREATE EXTERNAL LANGUAGE"));
    assert!(log[at + 1].contains("ROLLBACK"), "{:?}", &log[at..]);
    assert!(world.committed().is_empty());
    let world = World::new();
    world.set(|d| d.fault = Some(("CREATE EXTERNAL LANGUAGE [hart]", Answer::Deaf)));
    let output = world.deploy(&["--timeout", "1"]);
    fails(&output, &["within 1 s", "not confirmed that it stopped", "undoes the transaction by itself"]);
    let world = World::new();
    world.set(|d| d.fault = Some(("login", Answer::Deaf)));
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
        (&[("compatibility", "120")], &["level 120", "SET COMPATIBILITY_LEVEL = 150;"]),
        (&[("enabled", "0")], &["sp_configure N'external scripts enabled', 1"]),
        (&[("version", "15.0.2135.5")], &["build 15.0.2135.5", "cumulative update 3 (15.0.4023)"]),
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

/// What the server says of its feature is no reason to stop: a call decides.
#[test]
fn a_feature_that_is_said_to_be_missing_is_a_warning() {
    for (platform, part) in [("Linux", "mssql-server-extensibility"), ("Windows", "run Setup")] {
        let world = World::new();
        world.set(|d| d.facts = vec![("feature", "0"), ("platform", platform)]);
        let text = stdout(&world.deploy(&[]));
        assert!(
            text.starts_with("warning: the server says that the feature") && text.contains(part),
            "{text}"
        );
        assert!(text.ends_with("check: passed\n"), "{text}");
    }
    let world = World::new();
    stdout(&world.deploy(&[]));
    world.set(|d| d.facts = vec![("feature", "0"), ("version", "15.0.4023.6")]);
    let text = stdout(&world.hart(&["status"]));
    assert!(text.contains("warning: the server says that the feature"), "{text}");
}

/// The library is called through the server, and what comes instead of its answer is told with its remedy.
#[test]
fn status_calls_the_library() {
    let world = World::new();
    fails(&world.hart(&["status"]), &["is not complete"]);
    assert!(!world.server.log().iter().any(|b| b.starts_with("EXEC sp_execute_external_script")));
    stdout(&world.deploy(&[]));
    world.set(|d| d.parameters = "threads=2;max_memory_mb=3276");
    let text = stdout(&world.hart(&["status"]));
    for part in [
        "library says version      0.1.0\n",
        "library says level        avx2\n",
        "external scripts' memory  3276 MB: 20 % of 16384 MB (pool default)\n",
    ] {
        assert!(text.contains(part), "`{part}` is not in {text}");
    }
    assert!(!text.contains("warning:"), "{text}");
    world.set(|d| d.parameters = "max_memory_mb=3277");
    let text = stdout(&world.hart(&["status"]));
    assert!(text.contains("warning: max_memory_mb=3277 is more than external processes may take: 20 % of 16384 MB are 3276 MB"), "{text}");
    let json: serde_json::Value =
        serde_json::from_str(&stdout(&world.hart(&["status", "--format", "json"]))).unwrap();
    assert_eq!((&json["library"][0][1], &json["memory"]["percent"]), (&"0.1.0".into(), &20.into()));
    for (code, message, part) in [
        (39111, "The EULA has not been accepted", "mssql-conf set EULA accepteulaml Y"),
        (39021, "Unable to launch the runtime", "systemctl restart mssql-launchpadd"),
        (39019, "libc.so.6: version `GLIBC_2.34' not found", ".ci/glibc"),
        (39004, "A 'hart' script error occurred with HRESULT 0x80072746", "mssql_satellite"),
    ] {
        world.set(|d| {
            d.fault = Some(("EXEC sp_execute_external_script", Answer::Error(code, message.into())))
        });
        let output = world.hart(&["status"]);
        fails(&output, &["is not complete"]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            text.contains(&format!("does not go through: {code}: {message}\n")) && text.contains(part),
            "{text}"
        );
    }
    // Who may not see the memory gets the rest.
    world.set(|d| {
        d.fault = Some(("sys.dm_os_sys_info", Answer::Error(300, "VIEW SERVER STATE was denied".into())))
    });
    let text = stdout(&world.hart(&["status"]));
    assert!(text.contains("library says version") && !text.contains("external scripts' memory"), "{text}");
}

/// A file for sqlcmd is ASCII, so that no tool reads it for another encoding.
#[test]
fn scripts_refuse_what_is_not_ascii() {
    let world = World::new();
    for (option, more) in [
        ("--parameters", &["--parameters", "max_memory_mb=größer"][..]),
        ("--environment", &["--environment", r#"{"Ä": "1"}"#]),
        ("--functions-schema", &["--with", "functions", "--dimensions", "3", "--functions-schema", "größe"]),
    ] {
        let archive = world.path("linux.zip");
        let all = [&["script", "--linux", &archive], more].concat();
        let output = Command::new(env!("CARGO_BIN_EXE_hart")).args(all).output().unwrap();
        fails(&output, &[option, "expected ASCII", "hart deploy"]);
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

#[cfg(not(feature = "kerberos"))]
#[test]
fn kerberos_is_for_programs_that_were_built_with_it() {
    let world = World::new();
    fails(&world.hart(&["status", "--auth", "integrated"]), &["built without", "--features kerberos"]);
    assert!(world.server.log().is_empty());
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
    // There is no transaction to undo it.
    let world = World::new();
    world.set(|d| d.disabled = true);
    world.set(|d| d.fault = Some(("RECONFIGURE", Answer::Error(15123, "no such option".into()))));
    let output = world.deploy(&["--enable-external-scripts"]);
    fails(&output, &["step external scripts failed outside of a transaction", "was kept", "15123"]);
}

#[test]
fn secrets_come_from_files_too() {
    let world = World::new();
    std::fs::write(world.path("empty"), "\n").unwrap();
    let rights =
        |mode| std::fs::set_permissions(world.path("empty"), std::fs::Permissions::from_mode(mode)).unwrap();
    rights(0o604);
    fails(&world.hart(&["status", "--password-file", &world.path("empty")]), &["other users", "chmod 600"]);
    rights(0o600);
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
    assert_eq!(json["installed"], VERSION);
    assert_eq!(json["missing"].as_array().unwrap().len(), 0);
}

#[test]
fn status_of_additions_and_queues() {
    let world = World::new();
    let functions = ["--dimensions", "3", "--functions-schema", "vec]s"];
    stdout(&world.deploy(&[&["--with", "broker,functions"][..], &functions].concat()));
    let text = stdout(&world.hart(&["status"]));
    for part in [
        "db, compatibility level 170, Service Broker on",
        "addition broker           same",
        "addition functions.vec]s  installed",
        "parallel and streaming    yes",
    ] {
        assert!(text.contains(part), "`{part}` is not in {text}");
    }
    world.set(|d| {
        d.queue = Some("[WorkQueue]");
        // Standard Developer has another engine than Developer.
        d.facts = vec![("broker", "0"), ("engine", "2"), ("edition", "Standard Developer Edition (64-bit)")];
    });
    let output = world.hart(&["status"]);
    fails(&output, &["is not complete"]);
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "Service Broker off",
        "parallel and streaming    no",
        "queue [hart_work].[WorkQueue] is disabled",
        "ALTER QUEUE [hart_work].[WorkQueue] WITH STATUS = ON",
    ] {
        assert!(text.contains(part), "`{part}` is not in {text}");
    }
}

/// The scripts of sql/install leave no marks.
#[test]
fn status_of_what_a_script_installed() {
    let world = World::new();
    stdout(&world.deploy(&[]));
    world.set(|d| d.unmarked = true);
    let text = stdout(&world.hart(&["status"]));
    assert!(text.contains("step wrappers             installed by a script, version unknown"), "{text}");
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
