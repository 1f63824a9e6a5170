//! `hart run --into`: results that go to a table of a server, all of them or none.

use std::process::Command;

use crate::tds::table::{Column, Loads, rows};
use crate::tds::world::{fails, stdout};
use crate::tds::{Answer, Cell, Type};

const ID: Column = ("id", "bigint", "NOT NULL");
const NORM: Column = ("norm", "float", "");

/// A vector of one component.
fn v() -> Cell {
    Cell::Bytes(1f32.to_le_bytes().to_vec())
}

/// A table with a column `x` of this type, and a query with that of another, so many values of it.
fn loads(column: (&'static str, &'static str), more: Type, values: Vec<Cell>) -> Loads {
    let values = values.into_iter().enumerate();
    let values = values.map(|(n, value)| vec![Cell::Int(n as i64 + 1), v(), value]).collect();
    let query = rows(&[("id", Type::BigInt), ("v", Type::Bytes), ("x", more)], values);
    Loads::new(&[ID, NORM, ("x", column.0, column.1)], &[("rows", query)])
}

/// The same with several columns: name, T-SQL type, type in the query, values.
fn wide(columns: &[(&'static str, &'static str, Type, Vec<Cell>)]) -> (Loads, Vec<&'static str>) {
    let own = [("id", Type::BigInt), ("v", Type::Bytes)];
    let query: Vec<_> = own.into_iter().chain(columns.iter().map(|c| (c.0, c.2))).collect();
    let row = |n: usize| {
        [vec![Cell::Int(n as i64), v()], columns.iter().map(|c| c.3[n].clone()).collect()].concat()
    };
    let all = (0..columns[0].3.len()).map(row).collect();
    let table: Vec<Column> = [ID, NORM].into_iter().chain(columns.iter().map(|c| (c.0, c.1, ""))).collect();
    let carry = columns.iter().flat_map(|c| ["--carry", c.0]);
    let arguments = ["vector_norm", "--query", "rows"].into_iter().chain(carry).collect();
    (Loads::new(&table, &[("rows", rows(&query, all))]), arguments)
}

const CARRY: [&str; 5] = ["vector_norm", "--query", "rows", "--carry", "x"];

/// What the table has in `x` after the load.
#[track_caller]
fn loaded(loads: &Loads) -> Vec<String> {
    let output = loads.run(&CARRY);
    assert_eq!(stdout(&output), "");
    let rows = loads.rows();
    let said = String::from_utf8_lossy(&output.stderr).to_string();
    assert_eq!(said, format!("hart: {} rows appended to t\n", rows.len()));
    rows.iter().map(|row| row.splitn(3, '|').nth(2).unwrap().to_string()).collect()
}

/// Nothing is loaded, and these parts are said.
#[track_caller]
fn refused(loads: &Loads, parts: &[&str]) {
    fails(&loads.run(&CARRY), parts);
    assert!(loads.rows().is_empty());
    let log = loads.world.server.log();
    assert!(!log.iter().any(|b| b.contains("INSERT BULK") || b.starts_with("call")), "{log:?}");
}

#[test]
fn results_go_back_by_bulk_load() {
    let query = rows(
        &[("id", Type::BigInt), ("v", Type::Bytes)],
        (1..=3).map(|i| vec![Cell::Int(i), Cell::Bytes((i as f32).to_le_bytes().to_vec())]).collect(),
    );
    let loads = Loads::new(&[NORM, ("ID", "bigint", ""), ("more", "int", "DEFAULT")], &[("rows", query)]);
    let arguments = ["vector_norm", "--query", "rows"];
    let output =
        loads.world.hart(&[&["run", "--in-process", "--into", "dbo.No]rms"], &arguments[..]].concat());
    assert_eq!(stdout(&output), "");
    assert_eq!(loads.rows(), ["1|1.0", "2|2.0", "3|3.0"]);
    let log = loads.world.server.log();
    let at = |part: &str| {
        log.iter().position(|b| b.starts_with(part)).unwrap_or_else(|| panic!("{part}: {log:?}"))
    };
    let order = [
        at("SET QUOTED_IDENTIFIER, ANSI_NULLS, XACT_ABORT ON"),
        at("INSERT BULK [dbo].[No]]rms] ([ID] bigint, [norm] float) WITH (CHECK_CONSTRAINTS, FIRE_TRIGGERS)"),
        at("bulk"),
        at("COMMIT"),
    ];
    assert!(order.is_sorted(), "{log:?}");
    let without = ["--check-constraints=false", "--fire-triggers=false"];
    stdout(&loads.run(&[&arguments[..], &without].concat()));
    assert!(loads.world.server.log().iter().any(|b| b == "INSERT BULK [t] ([ID] bigint, [norm] float)"));
}

#[test]
fn values_are_converted_where_nothing_is_lost() {
    let ints = || vec![Cell::Int(1), Cell::Null, Cell::Int(0)];
    for from in [Type::Bit, Type::TinyInt, Type::SmallInt, Type::Int, Type::BigInt] {
        let names = ["tinyint", "smallint", "int", "bigint", "bit"];
        let (loads, arguments) = wide(&names.map(|sql| (sql, sql, from, ints())));
        stdout(&loads.run(&arguments));
        let expected = ["0|1.0|1|1|1|1|1", "1|1.0|NULL|NULL|NULL|NULL|NULL", "2|1.0|0|0|0|0|0"];
        assert_eq!(loads.rows(), expected, "{from:?}");
    }
    for sql in ["tinyint", "smallint", "int", "bigint", "bit", "real", "float"] {
        let fixed = loads((sql, "NOT NULL"), Type::Int, vec![Cell::Int(1)]);
        assert_eq!(loaded(&fixed), [if ["real", "float"].contains(&sql) { "1.0" } else { "1" }], "{sql}");
    }
    for (sql, from) in
        [("real", Type::Float), ("float", Type::Real), ("real", Type::Real), ("float", Type::Int)]
    {
        let values = if from == Type::Int {
            vec![Cell::Int(2), Cell::Null]
        } else {
            vec![Cell::Float(2.0), Cell::Null]
        };
        assert_eq!(loaded(&loads((sql, ""), from, values)), ["2.0", "NULL"]);
    }
    let text = |name, sql, from: &str| (name, sql, Type::Text, vec![Cell::Text(from.into()), Cell::Null]);
    let guid = "6f9619ff-8b86-d011-b42d-00c04fc964ff";
    // In bulk.
    let (bulk, arguments) = wide(&[
        text("a", "uniqueidentifier", &guid.to_uppercase()),
        text("b", "nvarchar(5)", "Ω≤π😀"),
        text("c", "varchar(4)", "caf\u{e9}"),
    ]);
    stdout(&bulk.run(&arguments));
    assert_eq!(bulk.rows(), [format!("0|1.0|{guid}|Ω≤π😀|caf\u{e9}"), "1|1.0|NULL|NULL|NULL".into()]);
    // By statements.
    let (called, arguments) = wide(&[
        text("a", "date", "2026-02-28"),
        text("b", "datetime2(3)", "2026-02-28 01:02:03.120"),
        text("c", "decimal(5,2)", "-123.450"),
        text("d", "money", "922337203685477.5807"),
        text("e", "xml", "<a/>"),
        text("f", "vector(2)", "[1,2.5]"),
        text("g", "nvarchar(4000)", "a"),
        text("h", "char(3)", "abc"),
        ("i", "date", Type::Date, vec![Cell::Bytes(vec![0x20, 0x49, 0x0B]), Cell::Null]),
    ]);
    stdout(&called.run(&arguments));
    let first =
        "0|1.0|2026-02-28|2026-02-28T01:02:03.12|-123.450|922337203685477.5807|<a/>|[1,2.5]|a|abc|2026-01-01";
    assert_eq!(called.rows(), [first, "1|1.0|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL"]);
    let call = called.world.server.log().into_iter().find(|b| b.starts_with("call")).unwrap();
    let places = "VALUES (@P1, @P2, CAST(@P3 AS date), CAST(@P4 AS datetime2(3)), CAST(@P5 AS decimal(5,2)), \
                  CAST(@P6 AS money), CAST(@P7 AS xml), CAST(@P8 AS vector(2)), @P9, @P10, CAST(@P11 AS date)),\n(@P12, ";
    assert!(call.contains(places), "{call}");
    // UTF-8 is not Latin: it goes as Unicode, and the server converts it.
    let loads = loads(("varchar(9)", "UTF-8"), Type::Text, vec![Cell::Text("π".into())]);
    assert_eq!(loaded(&loads), ["π"]);
    assert!(!loads.world.server.log().iter().any(|b| b.starts_with("INSERT BULK")));
}

#[test]
fn packed_vectors_become_a_vector_column() {
    let packed = |v: &[f32]| Cell::Bytes(v.iter().flat_map(|x| x.to_le_bytes()).collect());
    let vectors = loads(("vector(3)", ""), Type::Bytes, vec![packed(&[1.0, -0.5, 1e-7]), Cell::Null]);
    assert_eq!(loaded(&vectors), ["[1.0,-0.5,1e-7]", "NULL"]);
    // A kernel's own vectors too: packed in a varbinary column, text in one of text.
    let query =
        rows(&[("id", Type::BigInt), ("v", Type::Bytes)], vec![vec![Cell::Int(1), packed(&[3.0, 4.0])]]);
    for (sql, found) in
        [("vector(2)", "[0.6,0.8]"), ("nvarchar(max)", "[0.6,0.8]"), ("varbinary(max)", "9A99193FCDCC4C3F")]
    {
        let unit = Loads::new(&[ID, ("result", sql, "")], &[("rows", query.clone())]);
        stdout(&unit.run(&["vector_normalize", "--query", "rows"]));
        assert_eq!(unit.rows(), [format!("1|{found}")], "{sql}");
    }
    refused(
        &loads(("vector(4)", ""), Type::Bytes, vec![packed(&[1.0])]),
        &["row 1", "1 components", "vector(4)"],
    );
    refused(&loads(("vector(1)", ""), Type::Bytes, vec![packed(&[f32::NAN])]), &["row 1", "NaN"]);
}

/// What the kernel gives is known before it computes; so is what the table takes.
#[test]
fn a_table_that_does_not_take_the_result_is_refused_before_anything_is_computed() {
    let int = || vec![Cell::Int(1)];
    let before = "nothing was computed or loaded";
    refused(&loads(("int", "IDENTITY"), Type::Int, int()), &[before, "column x is int", "IDENTITY"]);
    refused(&loads(("int", "COMPUTED"), Type::Int, int()), &[before, "column x", "computes"]);
    for (sql, from, value, has) in [
        ("int", Type::Float, Cell::Float(1.0), "float"),
        ("decimal(5,2)", Type::Float, Cell::Float(1.0), "float"),
        ("int", Type::Text, Cell::Text("1".into()), "text"),
        ("varbinary(8)", Type::Int, Cell::Int(1), "int"),
        ("varchar(8)", Type::Bytes, Cell::Bytes(vec![1]), "varbinary"),
        ("date", Type::Int, Cell::Int(1), "int"),
        ("geometry", Type::Bytes, Cell::Bytes(vec![1]), "varbinary"),
    ] {
        let parts = [before, "column x is ", sql, "the result has ", has, "there; "];
        refused(&loads((sql, ""), from, vec![value]), &parts);
    }
    let query = || rows(&[("id", Type::BigInt), ("v", Type::Bytes)], vec![vec![Cell::Int(1), v()]]);
    let with = |columns: &[Column]| Loads::new(columns, &[("rows", query())]);
    let run = ["vector_norm", "--query", "rows"];
    fails(&with(&[ID]).run(&run), &[before, "the result has a column norm, the table has id"]);
    fails(
        &with(&[ID, NORM, ("y", "int", "NOT NULL")]).run(&run),
        &[before, "column y of the table is int NOT NULL"],
    );
    let none = with(&[]);
    fails(&none.run(&run), &["--into [t]: nothing was computed or loaded", "no such table"]);
    // The query has not run.
    assert!(!none.world.server.log().iter().any(|b| b == "rows"));
    let error = with(&[ID]);
    error.set(|t| t.fault = Some(("SELECT c.name", Answer::Error(229, "denied".into()))));
    fails(&error.run(&run), &[before, "229"]);
    let denied = with(&[ID, NORM]);
    denied.set(|t| t.denied = vec!["INSERT"]);
    fails(&denied.run(&run), &[before, "GRANT INSERT ON [t]"]);
    fails(
        &with(&[ID]).world.hart(&[&["run", "--into", "dbo."], &run[..]].concat()),
        &["is no name of a table"],
    );
    let output = Command::new(env!("CARGO_BIN_EXE_hart"))
        .env_clear()
        .args(["run", "vector_norm", "--in-process", "--input", "none.parquet", "--into", "dbo.Norms"])
        .output()
        .unwrap();
    fails(&output, &["--into", "which server?"]);
}

#[test]
fn a_value_that_does_not_fit_is_named_before_anything_is_sent() {
    let text = |text: &str| Cell::Text(text.into());
    let long = "x".repeat(300);
    for (sql, more, from, value, why) in [
        ("tinyint", "", Type::Int, Cell::Int(-1), "it is -1, which tinyint does not hold"),
        ("smallint", "", Type::Int, Cell::Int(32768), "it is 32768"),
        ("int", "", Type::BigInt, Cell::Int(1 << 31), "it is 2147483648"),
        ("bit", "", Type::Int, Cell::Int(2), "it is 2"),
        ("real", "", Type::Float, Cell::Float(1e39), "it is 1e39"),
        ("real", "", Type::Int, Cell::Int((1 << 24) + 1), "it is 16777217"),
        ("float", "", Type::BigInt, Cell::Int((1 << 53) + 1), "it is 9007199254740993"),
        ("int", "NOT NULL", Type::Int, Cell::Null, "NULL"),
        ("varchar(4)", "", Type::Text, text("abcde"), "it has 5 bytes, and varchar(4) holds 4: 'abcde'"),
        ("nvarchar(4)", "", Type::Text, text("abc😀"), "it has 10 bytes, and nvarchar(4) holds 8"),
        ("nvarchar(4)", "", Type::Text, text(&long), "xx…'"),
        ("varchar(max)", "", Type::Text, text("π"), "code page 1252"),
        (
            "varbinary(2)",
            "",
            Type::Bytes,
            Cell::Bytes(vec![0; 3]),
            "it has 3 bytes, and varbinary(2) holds 2",
        ),
        ("binary(2)", "", Type::Bytes, Cell::Bytes(vec![0; 1]), "holds exactly 2"),
        ("uniqueidentifier", "", Type::Text, text("none"), "it is 'none'"),
        ("date", "", Type::Text, text("2026-02-30"), "it is '2026-02-30', which date does not hold"),
        ("datetime2(0)", "", Type::Text, text("2026-02-28 01:02:03.5"), "datetime2(0)"),
        ("decimal(5,2)", "", Type::Text, text("1.005"), "decimal(5,2)"),
        ("decimal(5,2)", "", Type::Int, Cell::Int(1000), "it is 1000"),
        ("money", "", Type::Text, text("922337203685477.5808"), "money"),
        ("vector(2)", "", Type::Text, text("[1,2,3]"), "3 components"),
    ] {
        let mut values = vec![Cell::Null, value.clone()];
        if more == "NOT NULL" {
            values[0] = Cell::Int(0);
        }
        let loads = loads((sql, more), from, values);
        refused(&loads, &["nothing was loaded", "row 2", "column x", why]);
    }
}

/// From one byte to more than a packet's length can say.
#[test]
fn values_of_any_length() {
    let bytes = |length: usize| (0..length).map(|i| (i % 251) as u8).collect::<Vec<u8>>();
    let lengths = [1, 8001, 65_535, 65_536, 65_537, 1 << 20, 3 << 20];
    let cells: Vec<Cell> = lengths.iter().map(|l| Cell::Bytes(bytes(*l))).collect();
    let expected: Vec<String> = cells.iter().map(Cell::to_string).collect();
    let binary = loads(("varbinary(max)", ""), Type::LongBytes, cells);
    assert_eq!(loaded(&binary), expected);
    let log = binary.world.server.log();
    assert_eq!(
        log.iter().filter(|b| b.starts_with("bulk\n")).map(|b| b.lines().count() - 1).sum::<usize>(),
        3
    );
    // Text is counted in the bytes that it has on its way.
    let cells: Vec<Cell> = [1, 40_000, 70_000].iter().map(|l| Cell::Text("π".repeat(*l))).collect();
    let expected: Vec<String> = cells.iter().map(Cell::to_string).collect();
    let text = loads(("nvarchar(max)", ""), Type::LongText, cells);
    assert_eq!(loaded(&text), expected);
    // Without the parts of an INSERT there is none.
    let off = text.run(&[&CARRY[..], &["--fire-triggers=false"]].concat());
    fails(&off, &["nothing was loaded", "row 2", "too long for a bulk load"]);
}

/// The right to insert is enough; without that to read, no bulk load is possible.
#[test]
fn the_right_to_insert_is_enough() {
    let loads = loads(("int", ""), Type::Int, (0..2500).map(Cell::Int).collect());
    loads.set(|t| t.denied = vec!["SELECT"]);
    assert_eq!(loaded(&loads), (0..2500).map(|i| i.to_string()).collect::<Vec<_>>());
    let log = loads.world.server.log();
    // Three values a row, two thousand parameters a statement.
    assert_eq!(log.iter().filter(|b| b.starts_with("call")).count(), 4);
    assert!(!log.iter().any(|b| b.starts_with("refused")), "{log:?}");
}

/// What a failure leaves is said as far as it is known, and nothing is left unless the server has said so.
#[test]
fn a_load_that_fails() {
    /// Enough for many packets, and more than a socket's buffers hold.
    const ROWS: usize = 1200;
    let load = |at: &'static str, answer: Answer, values: Vec<Cell>, more: &[&str]| {
        let loads = loads(("varbinary(max)", ""), Type::LongBytes, values);
        loads.set(|t| t.fault = Some((at, answer)));
        let output = loads.run(&[&CARRY[..], more].concat());
        assert!(loads.rows().is_empty());
        output
    };
    let wide = || vec![Cell::Bytes(vec![1; 8000]); ROWS];
    let one = || vec![Cell::Bytes(vec![1; 8])];
    let long = || vec![Cell::Bytes(vec![1; 70_000])];
    let failed = "--into [t]: the load failed and nothing of it was kept";
    fails(&load("INSERT BULK", Answer::Error(262, "INSERT denied".into()), one(), &[]), &[failed, "262"]);
    fails(&load("bulk begins", Answer::Drop, wide(), &[]), &[failed, "broke"]);
    fails(&load("bulk\n", Answer::Error(2627, "Violation of a key".into()), one(), &[]), &[failed, "2627"]);
    fails(&load("bulk\n", Answer::Drop, one(), &[]), &[failed, "broke"]);
    fails(&load("call", Answer::Error(2627, "Violation of a key".into()), long(), &[]), &[failed, "2627"]);
    fails(&load("call", Answer::Drop, long(), &[]), &[failed, "broke"]);
    fails(&load("COMMIT", Answer::Error(3902, "No transaction".into()), one(), &[]), &[failed, "3902"]);
    // A server that does not answer, or no longer takes what is sent: a lock of another session. They wait at the same time.
    std::thread::scope(|threads| {
        let (load, wide, one, long) = (&load, &wide, &one, &long);
        type Values<'a> = &'a (dyn Fn() -> Vec<Cell> + Sync);
        const STOPPED: &str = "it was told to stop, and no longer runs";
        const CLOSED: &str = "the connection is closed";
        let stalls: [(&str, Answer, Values<'_>, &[&str]); 6] = [
            ("INSERT BULK", Answer::Stall, one, &[STOPPED, CLOSED]),
            ("bulk begins", Answer::Deaf, wide, &["not confirmed", CLOSED]),
            ("bulk\n", Answer::Stall, one, &[STOPPED]),
            ("bulk\n", Answer::Deaf, one, &["not confirmed", CLOSED]),
            ("call", Answer::Stall, long, &[STOPPED]),
            ("call", Answer::StallAmidst, long, &[CLOSED]),
        ];
        for (at, answer, values, words) in stalls {
            threads.spawn(move || {
                let output = load(at, answer, values(), &["--timeout", "1"]);
                fails(&output, &[&[failed, "within 1 s", "--timeout"], words].concat());
            });
        }
        // A commit that the server says to have stopped may still have been done before.
        for answer in [Answer::Drop, Answer::Deaf, Answer::Stall] {
            threads.spawn(move || {
                let output = load("COMMIT", answer, one(), &["--timeout", "1"]);
                let not_known =
                    "the end of the transaction was not confirmed, so all of it was kept or nothing";
                fails(&output, &[not_known, "the table shows"]);
                let said = String::from_utf8_lossy(&output.stderr).to_string();
                let known = ["undone", "undoes", "nothing of it"];
                assert!(!known.iter().any(|word| said.contains(word)), "{said}");
            });
        }
    });
    // A server that counts fewer rows than were sent.
    for (values, count) in [(wide(), "1199 of 1200"), (long(), "0 of 1")] {
        let loads = loads(("varbinary(max)", ""), Type::LongBytes, values);
        loads.set(|t| t.lost = 1);
        fails(&loads.run(&CARRY), &[failed, "the server took", count]);
        assert!(loads.rows().is_empty());
        assert!(loads.world.server.log().iter().any(|b| b.contains("ROLLBACK")));
    }
}
