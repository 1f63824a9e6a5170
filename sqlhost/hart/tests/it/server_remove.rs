//! `hart undeploy`, `hart package`, `hart script` as text, and archives that no server would load.

use crate::common::elf;
use crate::common::script;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use crate::tds::Answer;
use crate::tds::world::{World, fails, stdout, zip};
use sha2::{Digest, Sha256};

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
    assert!(text.is_ascii());
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
    /// The answer to the batch with that text, where it is no error.
    answer: Option<Answer>,
    /// An addition is there without its mark.
    unmarked: bool,
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
            if self.answer == Some(Answer::Drop) {
                self.pending = None;
            }
            let error = Answer::Error(3729, "Cannot drop: it is being referenced".into());
            return self.answer.clone().unwrap_or(error);
        }
        if sql.contains("ProductVersion") {
            return Answer::Rows(vec![
                vec!["version".into(), "16.0.1".into()],
                vec!["engine".into(), "3".into()],
            ]);
        }
        if sql.starts_with("SELECT SUBSTRING(name") {
            return Answer::Rows(vec![
                vec!["core".into(), "AB".into()],
                vec!["functions.dbo".into(), "AB".into()],
                vec!["version".into(), "0.1.0".into()],
            ]);
        }
        if sql.starts_with("SELECT CONCAT(") {
            return Answer::Rows(vec![vec!["dbo.VectorNorm".into()]]);
        }
        if sql.starts_with("SELECT CASE") && sql.contains("N'hart.functions.dbo'") {
            let now = self.pending.as_ref().unwrap_or(&self.there);
            return Answer::word(match now.contains("functions") {
                true if self.unmarked => "foreign",
                true => "there",
                false => "same",
            });
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
                if s.contains("DROP FUNCTION IF EXISTS [dbo].[VectorNorm]") {
                    self.pending.as_mut().expect("a change outside of a transaction").remove("functions");
                }
                if let Some((part, ..)) = Self::PARTS.iter().find(|(_, _, does)| s.contains(does)) {
                    self.pending.as_mut().expect("a change outside of a transaction").remove(part);
                }
            }
        }
        Answer::Done
    }
}

fn installed() -> (World, Arc<Mutex<Remains>>) {
    let there = Remains::PARTS.iter().map(|p| p.0).chain(["functions"]).collect();
    let remains = Remains {
        there,
        pending: None,
        others: Vec::new(),
        foreign: false,
        fault: "",
        answer: None,
        unmarked: false,
    };
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
    assert_eq!(remains.lock().unwrap().there.len(), 5);
    let text = stdout(&world.hart(&["undeploy"]));
    let stays = "functions.dbo: stays, as it was not named with --with\n";
    let parts = "wrappers: removed\nrole: removed\nschema: removed\nlanguage: removed\n";
    assert_eq!(text, format!("{parts}{stays}"));
    assert_eq!(remains.lock().unwrap().there.iter().copied().collect::<Vec<_>>(), ["functions"]);
    let again = stdout(&world.hart(&["undeploy"]));
    assert_eq!(again, format!("{}{stays}", parts.replace("removed", "not there")));
    // Named, it goes too.
    let (world, remains) = installed();
    parses(
        script::batches(&stdout(&world.hart(&["undeploy", "--with", "functions,hartonomous", "--dry-run"])))
            .iter()
            .map(String::as_str),
    );
    assert_eq!(
        stdout(&world.hart(&["undeploy", "--with", "functions"])),
        format!("functions: removed\n{parts}")
    );
    assert!(remains.lock().unwrap().there.is_empty());
}

#[test]
fn a_removal_refuses_what_is_not_ours() {
    let (world, remains) = installed();
    remains.lock().unwrap().foreign = true;
    fails(&world.hart(&["undeploy"]), &["nothing was changed", "not this library"]);
    remains.lock().unwrap().foreign = false;
    remains.lock().unwrap().others = vec!["SearchNode", "MyTable"];
    fails(
        &world.hart(&["undeploy"]),
        &["nothing was changed", "SearchNode, MyTable", "--with linked-search,compressed-search,broker"],
    );
    remains.lock().unwrap().others = Vec::new();
    remains.lock().unwrap().unmarked = true;
    fails(
        &world.hart(&["undeploy", "--with", "functions"]),
        &["nothing was changed", "functions was not installed by this program", "(dbo.VectorNorm)"],
    );
    assert!(!world.server.log().iter().any(|b| b.contains("TRANSACTION")));
}

#[test]
fn an_error_of_a_removal_undoes_its_part() {
    let (world, remains) = installed();
    remains.lock().unwrap().fault = "DROP SCHEMA";
    let output = world.hart(&["undeploy"]);
    fails(&output, &["the removal of schema failed and nothing of it was kept", "3729"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "wrappers: removed\nrole: removed\n");
    let remains = remains.lock().unwrap();
    assert!(remains.pending.is_none());
    assert_eq!(remains.there.iter().copied().collect::<Vec<_>>(), ["functions", "language", "schema"]);
}

/// Whether the server kept what it was told to keep is not known when its answer is lost.
#[test]
fn a_removal_whose_end_is_lost() {
    let (world, remains) = installed();
    {
        let mut remains = remains.lock().unwrap();
        (remains.fault, remains.answer) = ("COMMIT", Some(Answer::Drop));
    }
    let output = world.hart(&["undeploy"]);
    fails(&output, &["the removal of wrappers: the end of the transaction was not confirmed", "hart status"]);
    assert!(!String::from_utf8_lossy(&output.stderr).contains("nothing of it was kept"));
    assert!(output.stdout.is_empty());
    // Before that it is undone.
    let (world, remains) = installed();
    {
        let mut remains = remains.lock().unwrap();
        (remains.fault, remains.answer) = ("DROP ROLE", Some(Answer::Stall));
    }
    let output = world.hart(&["undeploy", "--timeout", "1"]);
    fails(&output, &["the removal of role failed and nothing of it was kept", "within 1 s"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "wrappers: removed\n");
}

/// What a library needs that is built for glibc 2.28.
const OLD: &[(&str, &[&str])] =
    &[("libm.so.6", &["GLIBC_2.27"]), ("libc.so.6", &["GLIBC_2.2.5", "GLIBC_2.28"])];

/// A library that a server's C library would not satisfy is not packed.
#[test]
fn a_package_needs_no_newer_glibc_than_its_servers_have() {
    let world = World::new();
    let so = world.path("x.so");
    let package = |option: &str, more: &[&str]| {
        let folder = world.path("");
        let all = [&["package", "--output", &folder, option, &so], more].concat();
        Command::new(env!("CARGO_BIN_EXE_hart")).args(all).output().unwrap()
    };
    let write = |bytes: &[u8]| std::fs::write(&so, bytes).unwrap();
    for option in ["--linux", "--native-linux"] {
        write(&elf::library(OLD));
        stdout(&package(option, &[]));
        fails(
            &package(option, &["--glibc", "2.27"]),
            &["needs glibc 2.28 (GLIBC_2.28 of libc.so.6)", "servers with 2.27"],
        );
        for (version, glibc) in [("GLIBC_2.34", "2.34"), ("GLIBC_ABI_DT_RELR", "2.36")] {
            write(&elf::library(&[
                ("libc.so.6", &["GLIBC_2.2.5", version]),
                ("libgcc_s.so.1", &["GCC_4.2.0"]),
            ]));
            let parts = [
                &*format!("x.so is not packed: it needs glibc {glibc} ({version} of libc.so.6)"),
                "`.ci/glibc` builds",
            ];
            fails(&package(option, &[]), &parts);
            stdout(&package(option, &["--glibc", glibc]));
        }
        write(&elf::library(&[("libc.so.6", &["GLIBC_PRIVATE"])]));
        fails(&package(option, &[]), &["GLIBC_PRIVATE of libc.so.6, which no glibc has"]);
        // Damaged files end in an error, whatever the place.
        let whole = elf::library(OLD);
        for end in 4..whole.len() {
            write(&whole[..end]);
            if end % 29 == 4 {
                fails(&package(option, &[]), &["x.so is not packed: "]);
            }
        }
        let mut other = whole;
        other[18] = 183;
        write(&other);
        fails(&package(option, &[]), &["another processor than x86-64"]);
    }
    let output = package("--linux", &["--glibc", "new"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&output.stderr)
            .contains("'new' is no version of glibc; expected one such as 2.28")
    );
}

/// The libraries that are shipped: `.ci/glibc` builds them and names them here.
#[test]
fn shipped_libraries_load_beside_glibc_2_28() {
    let Some(libraries) = std::env::var_os("HART_SHIPPED_LIBRARIES") else {
        println!("nothing is built for servers here; .ci/glibc does it, and says where");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut count = 0;
    for library in std::env::split_paths(&libraries) {
        count += 1;
        let option = if library.ends_with("libhart_sqlhost.so") { "--linux" } else { "--native-linux" };
        let mut command = Command::new(env!("CARGO_BIN_EXE_hart"));
        command.args(["package", "--glibc", "2.28", "--output"]).arg(folder.path()).arg(option).arg(&library);
        stdout(&command.output().unwrap());
    }
    assert_eq!(count, 2, "the external language and the C library");
}

#[test]
fn a_package_is_what_deploy_takes() {
    let world = World::new();
    let (so, dll) = (world.path("x.so"), world.path("x.dll"));
    std::fs::write(&so, [elf::library(OLD), b" library".to_vec()].concat()).unwrap();
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
    fails(&package(&["--native-windows", &so]), &["is no library for WINDOWS"]);
    fails(&package(&["--windows", &world.path("none")]), &["cannot read"]);
    fails(&package(&[]), &["which library?"]);
}

#[test]
fn a_package_of_the_c_library_has_its_header() {
    let world = World::new();
    let (so, dll) = (world.path("x.so"), world.path("x.dll"));
    std::fs::write(&so, [elf::library(OLD), b" library".to_vec()].concat()).unwrap();
    std::fs::write(&dll, b"MZ library").unwrap();
    let arguments = ["package", "--output", &world.path(""), "--native-linux", &so, "--native-windows", &dll];
    let output = Command::new(env!("CARGO_BIN_EXE_hart")).args(arguments).output().unwrap();
    assert_eq!(stdout(&output).lines().count(), 2);
    let header = include_bytes!("../../../../ffi/include/hart.h");
    for (file, library) in
        [("hart-native-windows.zip", "hart_native.dll"), ("hart-native-linux.zip", "libhart_native.so")]
    {
        let mut zip = zip::ZipArchive::new(std::fs::File::open(world.path(file)).unwrap()).unwrap();
        assert_eq!(zip.len(), 2);
        assert!(zip.by_name(library).is_ok());
        let mut text = Vec::new();
        std::io::Read::read_to_end(&mut zip.by_name("hart.h").unwrap(), &mut text).unwrap();
        assert_eq!(text, header);
    }
    // A server takes the other one.
    let native = world.path("hart-native-linux.zip");
    fails(&world.hart(&["deploy", "--linux", &native]), &["and nothing else"]);
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
