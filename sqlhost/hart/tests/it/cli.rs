//! The command as its users type it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/packages.parquet");

fn hart(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hart"));
    for variable in ["HART_LIBRARY", "HART_THREADS", "HART_MAX_LEVEL", "HART_INTERFACE_VERSION"] {
        command.env_remove(variable);
    }
    command.args(arguments).output().unwrap()
}

fn stdout(arguments: &[&str]) -> String {
    let output = hart(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn json(arguments: &[&str]) -> Vec<Value> {
    serde_json::from_str(&stdout(arguments)).unwrap()
}

/// Fails with this exit code, nothing on stdout, and stderr that holds every part, in one line where the code is 1.
fn fails(code: i32, arguments: &[&str], parts: &[&str]) {
    let output = hart(arguments);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    if code == 1 {
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.starts_with("hart: "), "{stderr}");
        let said: Vec<&str> = stderr.trim_end().split(": ").filter(|part| part.len() > 20).collect();
        assert!((1..said.len()).all(|i| !said[..i].contains(&said[i])), "said twice: {stderr}");
    }
    for part in parts {
        assert!(stderr.contains(part), "{arguments:?}: `{part}` is not in {stderr}");
    }
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
    fn file(&self, name: &str, content: &[u8]) -> String {
        std::fs::write(self.path(name), content).unwrap();
        self.text(name)
    }
    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_string()
    }
}

const PAIRS: &str = "id,a,b,shop\n1,\"[1,2]\",\"[3,4]\",x\n2,\"[1,1]\",\"[5,6]\",y\n3,,\"[1,1]\",x\n4,\"[2,0]\",\"[0.5,9]\",y\n";

#[test]
fn search_starts_with_the_row_itself() {
    let hits = json(&["search", "--input", DATA, "--like", "name=cargo", "-k", "5", "--format", "json"]);
    assert_eq!(hits.len(), 5);
    assert_eq!((&hits[0]["rank"], &hits[0]["name"]), (&1.into(), &"cargo".into()));
    assert!(hits[0]["distance"].as_f64().unwrap().abs() < 1e-6);
    let distances: Vec<f64> = hits.iter().map(|h| h["distance"].as_f64().unwrap()).collect();
    assert!(distances.is_sorted() && distances[4] < 0.7, "{distances:?}");
    assert!(hits.iter().all(|h| h["id"].is_i64() && h["text"].is_string() && h["section"].is_string()));
    let table = stdout(&["search", "--input", DATA, "--like", "name=cargo", "-k", "5"]);
    assert!(table.lines().next().unwrap().contains("rank"), "{table}");
    assert!(!table.contains('\u{1b}'), "no colour where there is no terminal");
}

#[test]
fn the_library_and_this_process_give_the_same_bits() {
    for metric in ["cosine", "euclidean", "dot"] {
        let base = [
            "search",
            "--input",
            DATA,
            "--like",
            "name=cargo",
            "-k",
            "50",
            "--metric",
            metric,
            "--format",
            "json",
        ];
        let with = |more: &[&str]| stdout(&[&base[..], more].concat());
        let library = with(&[]);
        assert_eq!(library, with(&["--in-process"]));
        assert_eq!(library, with(&["--threads", "1"]));
        assert_eq!(library, with(&["--threads", "3"]));
    }
}

#[test]
fn chunks_and_partitions() {
    let folder = Folder::new();
    let pairs = folder.file("pairs.csv", PAIRS.as_bytes());
    let base = ["run", "vector_dot_product", "--input", &pairs, "--format", "json"];
    let whole = stdout(&base);
    let rows: Vec<Value> = serde_json::from_str(&whole).unwrap();
    let products: Vec<&Value> = rows.iter().map(|r| &r["dot_product"]).collect();
    assert_eq!(products, [&11.0.into(), &11.0.into(), &Value::Null, &1.0.into()]);
    for rows_per_read in ["1", "2", "3", "100"] {
        assert_eq!(stdout(&[&base[..], &["--rows-per-read", rows_per_read]].concat()), whole);
    }
    let grouped = json(&[&base[..], &["--partition-by", "shop"]].concat());
    let order: Vec<(i64, &str)> =
        grouped.iter().map(|r| (r["id"].as_i64().unwrap(), r["shop"].as_str().unwrap())).collect();
    assert_eq!(order, [(1, "x"), (3, "x"), (2, "y"), (4, "y")]);
    let best = json(&[
        "run",
        "vector_top_k",
        "--input",
        &pairs,
        "--bind",
        "v=b",
        "--param",
        "query=[1,1]",
        "--param",
        "k=1",
        "--partition-by",
        "shop",
        "--format",
        "json",
    ]);
    let best: Vec<i64> = best.iter().map(|r| r["id"].as_i64().unwrap()).collect();
    assert_eq!(best, [3, 2], "the best of each partition");
}

#[test]
fn carried_columns_may_have_the_names_of_declared_ones() {
    let folder = Folder::new();
    let file = folder.file("named.csv", b"num,id,v,a\n1,one,\"[3,4]\",x\n2,two,\"[6,8]\",y\n");
    let rows = json(&[
        "run",
        "vector_norm",
        "--input",
        &file,
        "--bind",
        "id=num",
        "--carry",
        "id",
        "--carry",
        "a",
        "--format",
        "json",
    ]);
    assert_eq!((&rows[1]["norm"], &rows[1]["a"]), (&10.0.into(), &"y".into()));
    let hits = json(&[
        "search",
        "--input",
        &file,
        "--like",
        "id=two",
        "--vectors",
        "v",
        "--id",
        "num",
        "--metric",
        "euclidean",
        "--format",
        "json",
    ]);
    assert_eq!(
        (&hits[0]["distance"], &hits[1]["distance"], &hits[1]["a"]),
        (&0.0.into(), &5.0.into(), &"x".into())
    );
}

#[test]
fn formats_in_and_out() {
    let folder = Folder::new();
    let pairs = folder.file("pairs.csv", PAIRS.as_bytes());
    let sum = |input: &str, output: &str| {
        let bind: &[&str] = if input == pairs { &[] } else { &["--bind", "a=result", "--bind", "b=result"] };
        stdout(&[&["run", "vector_add", "--input", input, "--output", output], bind].concat())
    };
    for format in ["parquet", "arrow", "csv", "json"] {
        let output = folder.text(&format!("out.{format}"));
        assert_eq!(sum(&pairs, &output), "");
        assert!(folder.path(&format!("out.{format}")).is_file());
        if format != "json" {
            let again = folder.text(&format!("again-{format}.json"));
            sum(&output, &again);
            let rows: Vec<Value> = serde_json::from_slice(&std::fs::read(&again).unwrap()).unwrap();
            assert_eq!(rows[3]["id"], 4);
            let result =
                rows[3]["result"].as_str().map_or_else(|| rows[3]["result"].to_string(), String::from);
            let numbers: Vec<f64> = serde_json::from_str(&result).unwrap();
            assert_eq!(numbers, [5.0, 18.0], "{format}");
            assert_eq!(rows[2]["result"], Value::Null, "{format}");
        }
    }
    let mut npy =
        b"\x93NUMPY\x01\x00\x46\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }".to_vec();
    npy.resize(10 + 0x46 - 1, b' ');
    npy.push(b'\n');
    npy.extend([3f32, 4.0, 6.0, 8.0].iter().flat_map(|v| v.to_le_bytes()));
    let matrix = folder.file("m.npy", &npy);
    let norms = json(&["run", "vector_norm", "--input", &matrix, "--format", "json"]);
    assert_eq!(norms.iter().map(|r| r["norm"].as_f64().unwrap()).collect::<Vec<_>>(), [5.0, 10.0]);
    let csv = stdout(&["run", "vector_norm", "--input", &matrix, "--format", "csv"]);
    assert_eq!(csv.lines().next(), Some("id,norm"));
}

#[test]
fn every_column_type_of_a_file_passes_through() {
    let echo = json(&["run", "system_echo", "--input", DATA, "--format", "json"]);
    assert_eq!(echo.len(), 2000);
    assert!(echo[0]["name"].is_string() && echo[0]["atom_id"].is_i64());
}

#[test]
fn the_catalogue() {
    let list = stdout(&["list"]);
    for kernel in hart_kernels::registry::KERNELS {
        assert!(list.contains(kernel.name) && list.contains(kernel.summary));
        // Tables need the bars escaped.
        let text = stdout(&["describe", kernel.name]).replace("\\|", "|");
        assert!(kernel.params.iter().all(|p| text.contains(p.summary)) && text.contains(kernel.accuracy));
    }
    assert_eq!(json(&["list", "--format", "json"]).len(), hart_kernels::registry::KERNELS.len());
    let info = json(&["run", "system_info", "--format", "json"]);
    assert_eq!(
        (&info[0]["property"], &info[0]["value"]),
        (&"version".into(), &env!("CARGO_PKG_VERSION").into())
    );
    assert!(stdout(&["--version"]).starts_with("hart "));
}

#[test]
fn what_is_wrong_is_said_in_one_line() {
    let folder = Folder::new();
    let pairs = folder.file("pairs.csv", PAIRS.as_bytes());
    let run = |kernel: &'static str, more: &[&str], parts: &[&str]| {
        for mode in [&[][..], &["--in-process"]] {
            fails(1, &[&["run", kernel, "--input", &pairs], more, mode].concat(), parts);
        }
    };
    run(
        "vector_dot_produkt",
        &[],
        &["unknown kernel `vector_dot_produkt`", "did you mean vector_dot_product"],
    );
    run("vector_norm", &[], &["vector_norm", "no column for v", "--bind v=COLUMN", "shop"]);
    run("vector_norm", &["--bind", "v=c"], &["`c`", "columns are"]);
    run("vector_norm", &["--bind", "w=a"], &["--bind w", "id int64, v vector"]);
    run("vector_norm", &["--bind", "v=shop"], &["column v, row 1", "at byte 0", "expected `[`"]);
    run("vector_norm", &["--bind", "v=a", "--param", "x=1"], &["unknown parameter @x", "@element"]);
    run("vector_scale", &["--bind", "v=a"], &["parameter @factor is missing"]);
    run(
        "vector_scale",
        &["--bind", "v=a", "--param", "factor=much"],
        &["@factor is 'much'", "a finite number"],
    );
    run(
        "vector_top_k",
        &["--bind", "v=b", "--param", "query=[1,1]", "--param", "k=0"],
        &["@k is 0", "integer"],
    );
    run(
        "vector_top_k",
        &["--bind", "v=b", "--param", "query=[1,1,1]"],
        &["column v, row 1: 2 dimensions", "3"],
    );
    run("vector_dot_product", &["--partition-by", "nope"], &["`nope`"]);
    run("vector_dot_product", &["--output", "x.doc"], &["x.doc"]);
    let ragged = folder.file("ragged.csv", b"id,a,b\n1,\"[1,2]\",\"[1,2]\"\n2,\"[1,2]\",\"[1]\"\n");
    fails(
        1,
        &["run", "vector_dot_product", "--input", &ragged],
        &["column b, row 2: 1 dimensions, but column a has 2"],
    );
    fails(
        1,
        &["run", "vector_dot_product", "--input", &ragged, "--rows-per-read", "1"],
        &["column b, row 2"],
    );

    let whole = std::fs::read(DATA).unwrap();
    let cut = folder.file("cut.parquet", &whole[..whole.len() / 2]);
    fails(1, &["run", "vector_norm", "--input", &cut], &["cut.parquet", "Parquet"]);
    fails(1, &["run", "vector_norm"], &["vector_norm needs --input"]);
    for kernel in ["system_info", "vector_johnson_lindenstrauss", "spatial_basis"] {
        fails(1, &["run", kernel, "--input", DATA], &[kernel, "takes no rows; leave the input out"]);
    }
    fails(1, &["run", "vector_norm", "--input", &folder.text("none.csv")], &["none.csv"]);
    fails(
        1,
        &["search", "--input", DATA, "--like", "name=no such name"],
        &["no row where name = no such name"],
    );
    fails(1, &["search", "--input", DATA, "--like", "nam=x"], &["`nam`", "name"]);
    fails(1, &["search", "--input", DATA, "--like", "name"], &["COLUMN=VALUE"]);
    fails(1, &["run", "system_info", "--library", "none.so"], &["--library none.so"]);
    fails(2, &["search", "--input", DATA, "--like", "name=x", "-k", "0"], &["0"]);
    fails(
        2,
        &["search", "--input", DATA, "--like", "name=x", "--metric", "minkowski"],
        &["minkowski", "cosine"],
    );
    fails(2, &["frobnicate"], &["frobnicate"]);
    assert!(!Path::new("x.doc").exists());
}

#[cfg(not(feature = "otlp"))]
#[test]
fn a_command_without_traces_says_how_to_get_them() {
    for variable in ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hart"));
        let output = command
            .args(["run", "vector_norm", "--input", DATA])
            .env(variable, "http://localhost:1")
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), stderr.lines().count()), (Some(1), 1), "{stderr}");
        assert!(output.stdout.is_empty());
        assert!(
            stderr.contains(variable) && stderr.contains("--features otlp") && stderr.contains("unset"),
            "{stderr}"
        );
    }
}

#[test]
fn work_is_told_on_demand_only() {
    let told = |variables: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hart"));
        command.env_remove("HART_LOG").env_remove("HART_LOG_FORMAT").envs(variables.iter().copied());
        let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/packages.parquet");
        command.args(["search", "--in-process", "--input", data, "--like", "name=cargo", "-k", "2"]);
        let output = command.output().unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(told(&[]), (true, String::new()));
    let (success, text) = told(&[("HART_LOG", "debug")]);
    assert!(success && text.contains("vector_top_k") && text.contains("results=2"), "{text}");
    let (success, lines) = told(&[("HART_LOG", "info"), ("HART_LOG_FORMAT", "json")]);
    assert!(success && lines.lines().all(|line| line.starts_with('{') && line.ends_with('}')), "{lines}");
    assert!(lines.contains(r#""name":"vector_top_k""#), "{lines}");
    let (success, text) = told(&[("HART_LOG", "loud")]);
    assert!(
        !success && text.contains("HART_LOG is 'loud'; expected off, error, warn, info, debug or trace"),
        "{text}"
    );
}
