//! `hart project` and `hart recall` as their users type them.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::{Command, Output};

use hart_kernels::spatial::{self, Basis, Order};
use hart_kernels::{Compute, Metric, Vectors};
use serde_json::Value;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/packages.parquet");
const DIMENSION: usize = 12;
const ROWS: usize = 300;

fn hart(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hart"));
    for variable in ["HART_LIBRARY", "HART_THREADS", "HART_MAX_LEVEL", "HART_INTERFACE_VERSION"] {
        command.env_remove(variable);
    }
    command.args(arguments).output().unwrap()
}

/// Standard output and the notes beside it.
fn run(arguments: &[&str]) -> (String, String) {
    let output = hart(arguments);
    let notes = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{arguments:?}: {notes}");
    (String::from_utf8(output.stdout).unwrap(), notes)
}

fn json(arguments: &[&str]) -> Vec<Value> {
    serde_json::from_str(&run(arguments).0).unwrap()
}

/// The JSON reader may be off by the last bit.
fn near(found: &Value, wanted: f64) {
    assert!((found.as_f64().unwrap() - wanted).abs() <= 4e-16 * wanted.abs(), "{found} {wanted}");
}

/// Fails with this exit code, nothing on stdout, and stderr that holds every part, in one line where the code is 1.
fn fails(code: i32, arguments: &[&str], parts: &[&str]) {
    let output = hart(arguments);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    assert!(code != 1 || (stderr.lines().count() == 1 && stderr.starts_with("hart: ")), "{stderr}");
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
    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_string()
    }
    fn file(&self, name: &str, content: &str) -> String {
        std::fs::write(self.path(name), content).unwrap();
        self.text(name)
    }
    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }
}

/// Vectors that are longer along the first axes, so that principal axes tell something.
fn values() -> Vec<f32> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    (0..ROWS * DIMENSION).map(|i| next() / (1 + i % DIMENSION) as f32).collect()
}

fn table(values: &[f32]) -> String {
    let mut text = String::from("nr,kind,v\n");
    for (nr, row) in values.chunks(DIMENSION).enumerate() {
        writeln!(text, "{nr},k{},\"{row:?}\"", nr % 3).unwrap();
    }
    text
}

#[test]
fn recall_is_that_of_the_library() {
    let folder = Folder::new();
    let values = values();
    let file = folder.file("rows.csv", &table(&values));
    let (svg, all) = (folder.text("recall.svg"), folder.text("all.json"));
    let base = ["recall", &file, "--vectors", "v", "--held-out", "20", "-k", "5", "--metric", "euclidean"];
    let more = ["--axes", "2,4,12", "--basis", "pca,random,trilateration", "--format", "json"];
    let base = [&base[..], &more].concat();
    let lines = json(&[&base[..], &["--svg", &svg, "--output", &all]].concat());
    // Every fifteenth row is a query.
    let part = |queries: bool| -> Vec<f32> {
        let rows = values.chunks(DIMENSION).enumerate().filter(|(n, _)| (n % 15 == 14) == queries);
        rows.flat_map(|(_, row)| row.to_vec()).collect()
    };
    let (rows, queries) = (part(false), part(true));
    let rows = Vectors::matrix(&rows, DIMENSION).unwrap();
    let queries = Vectors::matrix(&queries, DIMENSION).unwrap();
    assert_eq!((rows.len(), queries.len()), (280, 20));
    let ids: Vec<i64> = (0..280).collect();
    let mut compared = 0;
    for axes in [2, 4, 12] {
        let compute = Compute::new();
        let bases = [
            ("pca", Basis::pca(compute, &rows, axes, 10_000).unwrap()),
            ("random", Basis::random(DIMENSION, axes, 42).unwrap()),
        ];
        for (name, basis) in bases {
            for order in Order::ALL {
                let of =
                    |r: &&Value| r["basis"] == name && r["axes"] == axes as i64 && r["order"] == order.name();
                let line = lines.iter().find(of).unwrap();
                let metric = Metric::Euclidean;
                let want = spatial::recall(&basis, &rows, &ids, &queries, 5, metric, false, order).unwrap();
                for (column, candidates) in [("recall_5", 5), ("recall_10", 10), ("recall_100", 100)] {
                    let got = line[column].as_f64().unwrap();
                    assert!((got - want.at(candidates)).abs() <= 5e-5, "{name} {axes}: {column}");
                }
                for (column, share) in
                    [("need_90", 0.9), ("need_95", 0.95), ("need_99", 0.99), ("need_100", 1.0)]
                {
                    assert_eq!(line[column], want.needed(share).unwrap() as i64, "{name} {axes}: {column}");
                }
                assert_eq!(line["proven"].is_null(), order != Order::Bound);
                assert_eq!(line["left"].is_null(), order != Order::Bound);
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 24);
    // Distances from anchors have no bound: three orders for each number of axes. All nine bases have the order of the cells.
    assert_eq!(lines.len(), compared + 9 + 9);
    let cells: Vec<&Value> = lines.iter().filter(|r| r["order"] == "cells").collect();
    assert!(cells.len() == 9 && cells.iter().all(|r| r["recall_100"].is_f64() && r["left"].is_null()));
    // On all axes the distance is the distance.
    let whole =
        lines.iter().find(|r| r["axes"] == 12 && r["order"] == "axes" && r["basis"] == "pca").unwrap();
    assert_eq!((&whole["recall_5"], &whole["need_100"]), (&1.0.into(), &5.into()));
    assert!((whole["variance"].as_f64().unwrap() - 1.0).abs() < 1e-4);

    let all: Vec<Value> = serde_json::from_str(&folder.read("all.json")).unwrap();
    assert!(all.iter().any(|r| r["measure"] == "recall" && r["candidates"] == 200.0 && r["worst"].is_f64()));
    let svg = folder.read("recall.svg");
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    // Nine bases, of which trilateration has no bound.
    assert_eq!(svg.matches("fill=\"none\" opacity=\"1\" stroke=\"#").count() - axes_lines(&svg), 6 + 4 * 9);
    for text in ["pca, 2 axes", "trilateration, 12 axes", "recall of 5 nearest", "order xy"] {
        assert!(svg.contains(text), "{text}");
    }

    // The same through the library that SQL Server loads, and with the queries in a file of their own.
    let here = [&base[..], &["--in-process"]].concat();
    assert_eq!(json(&here), lines);
    let two =
        [("a.csv", false), ("b.csv", true)].map(|(name, which)| folder.file(name, &table(&part(which))));
    let mut apart = vec!["recall", &two[0], "--queries", &two[1], "--vectors", "v"];
    apart.extend(&base[6..]);
    assert_eq!(json(&apart), lines);
}

#[test]
fn a_saved_basis_and_the_settings_of_the_stages_are_measured() {
    let folder = Folder::new();
    let file = folder.file("rows.csv", &table(&values()));
    let (basis, svg) = (folder.text("b.basis"), folder.text("a.svg"));
    let two = ["--basis", "random", "--axes", "2", "--seed", "5", "--save-basis", &basis];
    run(&[&["project", &file, "--vectors", "v"], &two[..]].concat());
    // The number of axes is that of the file: no plot of z.
    run(&["project", &file, "--vectors", "v", "--basis", &basis, "--svg", &svg]);
    assert!(folder.read("a.svg").contains("x and y") && !folder.read("a.svg").contains("x and z"));

    let base = ["recall", &file, "--vectors", "v", "--held-out", "20", "-k", "5", "--format", "json"];
    let without_names = |more: &[&str]| {
        let mut lines = json(&[&base[..], more].concat());
        lines.iter_mut().for_each(|line| {
            let line = line.as_object_mut().unwrap();
            assert!(line.remove("basis").is_some() && line.remove("variance").is_some());
        });
        lines
    };
    let fitted = without_names(&["--basis", "random", "--axes", "2", "--seed", "5"]);
    assert_eq!(without_names(&["--basis", &basis]), fitted);
    let (lines, notes) = run(&[&base[..], &["--basis", &format!("pca,{basis}"), "--axes", "4"]].concat());
    assert!(lines.contains("b.basis") && notes.contains("b.basis: its own number of axes"), "{notes}");
    // Where the cells leave all rows, the order is that on all axes; where they leave few and are as large as quadrants, it is worse.
    let cells = |more: &[&str]| {
        let lines = without_names(&[&["--basis", &basis], more].concat());
        lines.into_iter().find(|line| line["order"] == "cells").unwrap()
    };
    let (coarse, fine) = (cells(&["--cell", "1e6", "--coarse", "5"]), cells(&["--coarse", "280"]));
    let axes = fitted.iter().find(|line| line["order"] == "axes").unwrap();
    assert_eq!(fine["need_90"], axes["need_90"]);
    assert!(coarse["need_90"].as_i64() > axes["need_90"].as_i64(), "{coarse} {axes}");
}

#[test]
fn notes_say_what_was_not_done() {
    let folder = Folder::new();
    let output = folder.text("x.csv");
    let few = folder.file("few.csv", "v\n\"[1,2,3]\"\n\"[3,2,1]\"\n\"[1,2,3]\"\n");
    for basis in ["landmarks", "trilateration"] {
        let (_, notes) =
            run(&["project", &few, "--vectors", "v", "--basis", basis, "--axes", "3", "--output", &output]);
        assert_eq!(notes, format!("hart: {basis}: 2 axes, not 3, because only 2 vectors differ\n"));
    }
    // The farthest rows are the second and the third, and lie on one line: the row is that of the file.
    let line = folder.file("line.csv", "v\n\"[0,0,1]\"\n\"[5,0,0]\"\n\"[-5,0,0]\"\n");
    for engine in [&[][..], &["--in-process"]] {
        let arguments =
            ["project", &line, "--vectors", "v", "--basis", "landmarks", "--axes", "2", "--output", &output];
        fails(1, &[&arguments[..], engine].concat(), &["row 3: collinear with the landmarks before it"]);
    }
}

/// Lines of the axes, which are black; those of the grid and the curves have colours.
fn axes_lines(svg: &str) -> usize {
    svg.matches("fill=\"none\" opacity=\"1\" stroke=\"#000000\"").count()
        + svg.matches("fill=\"none\" opacity=\"1\" stroke=\"#E4E4E4\"").count()
}

#[test]
fn points_are_those_of_the_library() {
    let folder = Folder::new();
    let values = values();
    let missing = "300,,\n";
    let file = folder.file("rows.csv", &(table(&values) + missing));
    let (points, svg, basis) =
        (folder.text("points.json"), folder.text("points.svg"), folder.text("b.basis"));
    let base = ["project", &file, "--vectors", "v"];
    let first =
        ["--basis", "pca", "--output", &points, "--svg", &svg, "--colour", "kind", "--save-basis", &basis];
    let (out, notes) = run(&[&base[..], &first].concat());
    assert_eq!(out, "");
    assert!(notes.starts_with("hart: pca: 3 axes keep ") && notes.lines().count() == 1, "{notes}");

    let vectors = Vectors::matrix(&values, DIMENSION).unwrap();
    let fitted = Basis::from_bytes(&std::fs::read(&basis).unwrap()).unwrap();
    let pca = Basis::pca(Compute::new(), &vectors, 3, 10_000).unwrap();
    let wanted = spatial::project(&pca, &vectors, false).unwrap();
    assert_eq!(fitted.axis(2), pca.axis(2));
    let rows: Vec<Value> = serde_json::from_str(&folder.read("points.json")).unwrap();
    assert_eq!(rows.len(), ROWS + 1);
    for (nr, row) in rows[..ROWS].iter().enumerate() {
        let point = wanted.point(nr).unwrap();
        for (name, coordinate) in ["x", "y", "z"].into_iter().zip(point) {
            near(&row[name], *coordinate);
        }
        assert_eq!((&row["nr"], &row["kind"]), (&nr.to_string().into(), &format!("k{}", nr % 3).into()));
        let mut bytes = String::from("0x00000000010D");
        for byte in point.iter().flat_map(|c| c.to_le_bytes()) {
            write!(bytes, "{byte:02X}").unwrap();
        }
        assert_eq!(row["geometry"], bytes);
        near(&row["residual"], wanted.residual(nr).unwrap());
        assert!(row.get("v").is_none() && row.get("id").is_none());
    }
    assert!(rows[ROWS]["x"].is_null() && rows[ROWS]["geometry"].is_null() && rows[ROWS]["nr"] == "300");

    let svg_text = folder.read("points.svg");
    assert_eq!(svg_text.matches("<circle").count(), 2 * ROWS);
    for text in ["k0 (100)", "k1 (100)", "k2 (100)", "NULL (1)", "x and z"] {
        assert!(svg_text.contains(text), "{text}");
    }
    // A scale for a column of many numbers; fewer points; one plot for two axes.
    run(&[
        &base[..],
        &["--basis", "random", "--axes", "2", "--svg", &svg, "--colour", "nr", "--points", "50"],
    ]
    .concat());
    let svg_text = folder.read("points.svg");
    assert_eq!(svg_text.matches("<circle").count(), 50);
    for text in ["nr = 0", "nr = 300", "x and y, 50 of 300 points"] {
        assert!(svg_text.contains(text), "{text}");
    }
    assert!(!svg_text.contains("x and z"));

    // The saved basis projects the same way, in this process too.
    let again = folder.text("again.json");
    let (_, notes) = run(&[&base[..], &["--basis", &basis, "--output", &again, "--in-process"]].concat());
    assert_eq!(notes, "");
    assert_eq!(folder.read("again.json"), folder.read("points.json"));
    let few = folder.text("few.csv");
    run(&[
        &base[..],
        &["--basis", &basis, "--carry", "kind", "--output", &few, "--svg", &svg, "--color", "nr"],
    ]
    .concat());
    assert_eq!(folder.read("few.csv").lines().next(), Some("kind,x,y,z,geometry,norm,residual"));
}

#[test]
fn every_basis_projects_real_vectors() {
    let folder = Folder::new();
    let output = folder.text("points.json");
    for (basis, more) in [
        ("pca", &["--axes", "5"][..]),
        ("random", &["--seed", "7"]),
        ("landmarks", &[]),
        ("trilateration", &[]),
        ("clr-v1", &["--pad"]),
    ] {
        run(&[&["project", DATA, "--basis", basis, "--carry", "name", "--output", &output], more].concat());
        let rows: Vec<Value> = serde_json::from_str(&folder.read("points.json")).unwrap();
        assert_eq!(rows.len(), 2000, "{basis}");
        assert!(rows.iter().all(|r| r["x"].is_f64() && r["z"].is_f64() && r["name"].is_string()), "{basis}");
        assert_eq!(rows[0]["residual"].is_null(), basis == "trilateration");
    }
}

#[test]
fn what_is_wrong_is_said_in_one_line() {
    let folder = Folder::new();
    let values = values();
    let file = folder.file("rows.csv", &table(&values));
    let svg = folder.text("a.svg");
    let recall = |code: i32, more: &[&str], parts: &[&str]| {
        fails(code, &[&["recall", &file], more].concat(), parts);
    };
    let two = folder.file("two.csv", "a,b\n\"[1,2]\",\"[1,3]\"\n");
    fails(1, &["recall", &two], &["two.csv", "which column holds the vectors?", "--vectors COLUMN"]);
    recall(1, &["--vectors", "w"], &["`w`", "columns are"]);
    recall(1, &["--vectors", "kind"], &["column kind, row 1", "at byte 0"]);
    recall(1, &["--vectors", "v", "--held-out", "300"], &["300 rows have a vector", "--held-out 300"]);
    recall(1, &["--vectors", "v", "--svg", "a.png"], &["--svg a.png", ".svg"]);
    recall(1, &["--vectors", "v", "--svg", "none/a.svg"], &["no folder none"]);
    recall(1, &["--vectors", "v", "--output", "a.doc"], &["a.doc"]);
    recall(1, &["--vectors", "v", "--basis", "pca", "--axes", "13"], &["axes", "13"]);
    recall(1, &["--vectors", "v", "--basis", "clr-v1"], &["12 dimensions, but the basis has 1998"]);
    recall(1, &["--vectors", "v", "--queries", "none.csv"], &["none.csv"]);
    recall(2, &["--vectors", "v", "--basis", "umap"], &["umap", "pca"]);
    recall(2, &["--vectors", "v", "--axes", "0"], &["0"]);
    recall(2, &["--vectors", "v", "--queries", "x.csv", "--held-out", "3"], &["--queries", "--held-out"]);
    let short = folder.file("short.csv", "v\n\"[1,2]\"\n\"[1,2,3]\"\n");
    recall(1, &["--vectors", "v", "--queries", &short], &["short.csv", "one dimension"]);
    let short = folder.file("other.csv", "v\n\"[1,2]\"\n\"[3,4]\"\n");
    recall(1, &["--vectors", "v", "--queries", &short, "--basis", "pca"], &["12 dimensions, but", "2"]);

    let project = |code: i32, more: &[&str], parts: &[&str]| {
        fails(code, &[&["project", &file, "--vectors", "v"], more].concat(), parts);
    };
    project(2, &["--basis", "pca"], &["--output"]);
    project(2, &["--output", "x.csv"], &["--basis"]);
    project(2, &["--basis", "umap", "--output", "x.csv"], &["umap", "trilateration", "no such file"]);
    project(1, &["--basis", &file, "--output", "x.csv"], &["basis"]);
    project(2, &["--basis", "pca", "--output", "x.csv", "--colour", "kind"], &["--svg"]);
    project(1, &["--basis", "pca", "--svg", &svg, "--colour", "sort"], &["`sort`"]);
    let parts = ["12 dimensions, but the basis has 1998", "pca", "--pad"];
    project(1, &["--basis", "clr-v1", "--output", "x.csv"], &parts);
    project(1, &["--basis", "pca", "--output", "x.doc"], &["x.doc"]);
    // Found out before any work: the file with the vectors is not even there.
    let early = |more: &[&str], parts: &[&str]| {
        fails(1, &[&["project", "none.csv", "--basis", "pca"], more].concat(), parts);
    };
    let within = folder.path("").to_str().unwrap().to_string();
    for option in ["--output", "--save-basis", "--svg"] {
        let path = if option == "--svg" { "none/a.svg" } else { "none/a.csv" };
        early(&[option, path], &[&format!("{option} {path}: there is no folder none")]);
    }
    early(&["--save-basis", &within], &["--save-basis", "it is a folder"]);
    fails(1, &["recall", "none.csv", "--output", "none/a.csv"], &["--output none/a.csv: there is no folder"]);
    // Options that would change nothing.
    let basis = folder.text("b.basis");
    run(&["project", &file, "--vectors", "v", "--basis", "random", "--save-basis", &basis]);
    project(1, &["--basis", &basis, "--axes", "2", "--svg", &svg], &["--axes: ", "b.basis has its own"]);
    project(1, &["--basis", &basis, "--seed", "2", "--svg", &svg], &["--seed: ", "b.basis"]);
    project(1, &["--basis", "clr-v1", "--axes", "3", "--svg", &svg], &["--axes: clr-v1 has its own"]);
    project(1, &["--basis", "pca", "--seed", "3", "--svg", &svg], &["--seed: ", "pca"]);
    project(1, &["--basis", "random", "--sample", "30", "--svg", &svg], &["--sample: random"]);
    recall(1, &["--vectors", "v", "--basis", &basis, "--axes", "3"], &["--axes: ", "b.basis"]);
    recall(1, &["--vectors", "v", "--cell=-1"], &["@cell is -1"]);
    let empty = folder.file("empty.csv", "nr,v\n");
    let none = ["project", &empty, "--vectors", "v", "--basis", "random", "--output", "x.csv"];
    fails(1, &none, &["no vectors; expected a row with a vector"]);
    let named = folder.file("named.csv", "x,v\n1,\"[1,2,3]\"\n2,\"[3,2,1]\"\n3,\"[3,5,1]\"\n");
    let output = folder.text("x.csv");
    let arguments = ["project", &named, "--vectors", "v", "--basis", "random", "--output", &output];
    run(&arguments);
    assert!(folder.read("x.csv").starts_with("input_x,x,y,z,"));
    assert!(!folder.path("a.svg").exists());
}

/// A text longer than any fixed type holds, there and back.
#[test]
fn long_texts_are_as_good_as_short_ones() {
    let folder = Folder::new();
    let line: Vec<String> = (0..2000).map(|i| format!("{i} {}", i % 7)).collect();
    let line = format!("LINESTRING ({})", line.join(", "));
    let texts = folder.file("texts.csv", &format!("id,wkt\n1,\"{line}\"\n"));
    let bytes = folder.text("bytes.parquet");
    run(&["run", "spatial_from_wkt", "--input", &texts, "--output", &bytes]);
    let back = json(&["run", "spatial_to_wkt", "--input", &bytes, "--format", "json"]);
    assert_eq!(back[0]["wkt"], line);
}

/// What needs all rows says so instead of answering for each chunk.
#[test]
fn a_second_chunk_is_refused_where_all_rows_are_needed() {
    let folder = Folder::new();
    let rows: String = (0..30).map(|i| format!("{i},{i},0,0\n")).collect();
    let file = folder.file("rows.csv", &format!("time,x,y,z\n{rows}"));
    let base = ["run", "spatial_path", "--input", &file, "--rows-per-read"];
    let whole = run(&[&base[..], &["30"]].concat()).0;
    assert!(whole.contains("30"));
    let parts = ["@r_rowsPerRead is 10; expected not to be given: spatial_path needs all rows in one chunk"];
    fails(1, &[&base[..], &["10"]].concat(), &parts);
}

/// A basis as `hart project` saves it serves `hart run`.
#[test]
fn a_parameter_comes_from_a_file() {
    let folder = Folder::new();
    let basis = folder.text("basis.bin");
    run(&[
        "project",
        DATA,
        "--basis",
        "pca",
        "--axes",
        "64",
        "--save-basis",
        &basis,
        "--output",
        &folder.text("p.csv"),
    ]);
    let given = format!("basis=@{basis}");
    let base = [
        "run",
        "spatial_project",
        "--input",
        DATA,
        "--bind",
        "id=atom_id",
        "--bind",
        "v=embedding",
        "--param",
    ];
    let points = folder.text("points.csv");
    run(&[&base[..], &[&given, "--output", &points]].concat());
    assert!(folder.read("points.csv").lines().count() > 2000);
    fails(1, &[&base[..], &["basis=@nowhere.bin"]].concat(), &["@basis: cannot read nowhere.bin"]);
}
