//! `max_memory_mb`: too large a call is refused before the memory is taken.

use crate::common::{field, param};
use hart_kernels::Pool;
use hart_kernels::registry;
use hart_sqlhost::columns::{CType, ColumnData};
use hart_sqlhost::session::Session;
use hart_sqlhost::settings::Settings;

fn run(
    kernel: &str,
    ctype: CType,
    row: &[u8],
    rows: usize,
    params: &[(&str, &[u8])],
    mb: u64,
) -> Result<u16, String> {
    let kernel = registry::find(kernel).unwrap();
    let mut session = Session::new(kernel.name, 2, params.len() as u16).unwrap();
    session.declare_column(0, field("id", CType::BigInt)).unwrap();
    session.declare_column(1, field("v", ctype)).unwrap();
    for (n, (name, value)) in params.iter().enumerate() {
        let ctype = if *name == "query" { CType::Binary } else { CType::Char };
        session.declare_param(n as u16, param(name, ctype, Some(value))).unwrap();
    }
    let (keys, vectors) = (vec![0; rows * 8], row.repeat(rows));
    let data = [
        ColumnData { bytes: &keys, indicators: None },
        ColumnData { bytes: &vectors, indicators: Some(vec![row.len() as i32; rows]) },
    ];
    let settings = Settings::read(&format!("threads=2 max_memory_mb={mb}"), |_| None).unwrap();
    session.execute(&settings, &Pool::default(), rows, &data).map_err(|e| e.to_string())
}

/// What a number of rows costs before one is looked at, and without a limit of the host's.
#[test]
fn claimed_rows_are_refused_before_memory_is_taken() {
    let settings = Settings::read("", |_| None).unwrap();
    let mut session = Session::new("vector_norm", 2, 0).unwrap();
    session.declare_column(0, field("id", CType::BigInt)).unwrap();
    session.declare_column(1, field("v", CType::Binary)).unwrap();
    session.prepare().unwrap();
    assert!(session.check_rows(&settings, 1000).is_ok());
    for rows in [1 << 36, 1 << 57, u64::MAX] {
        let refused = session.check_rows(&settings, rows).unwrap_err().to_string();
        let limit = hart_kernels::default_memory_limit();
        assert!(refused.starts_with(&format!("a chunk of {rows} rows would take")), "{refused}");
        assert!(refused.ends_with(&format!("the limit is {limit} bytes")), "{refused}");
    }
}

#[test]
fn what_a_parameter_sizes_is_refused_without_a_limit_of_the_host() {
    let kernel = registry::find("spatial_fit").unwrap();
    let params: &[(&str, &[u8])] = &[("kind", b"random"), ("axes", b"1024"), ("dimension", b"1048576")];
    let mut session = Session::new(kernel.name, 2, params.len() as u16).unwrap();
    session.declare_column(0, field("id", CType::BigInt)).unwrap();
    session.declare_column(1, field("v", CType::Binary)).unwrap();
    for (n, (name, value)) in params.iter().enumerate() {
        session.declare_param(n as u16, param(name, CType::Char, Some(value))).unwrap();
    }
    let (keys, vectors) = (vec![0; 5 * 8], [0u8; 5 * 8]);
    let data = [
        ColumnData { bytes: &keys, indicators: None },
        ColumnData { bytes: &vectors, indicators: Some(vec![8; 5]) },
    ];
    // 43 GB: more than half of a machine with less than 86.
    let settings = Settings::read("", |_| None).unwrap();
    if settings.memory_limit() < 40 << 30 {
        let refused = session.execute(&settings, &Pool::default(), 5, &data).unwrap_err().to_string();
        assert!(refused.starts_with("the basis would take 42949672960 bytes"), "{refused}");
    }
    let settings = Settings::read("max_memory_mb=40000", |_| None).unwrap();
    assert!(session.execute(&settings, &Pool::default(), 5, &data).is_err());
}

/// A row that is found many times has its carried columns as often.
#[test]
fn carried_columns_of_rows_found_are_within_the_limit() {
    let kernel = registry::find("spatial_nearest").unwrap();
    let run = |mb: u64| {
        let mut session = Session::new(kernel.name, 5, 1).unwrap();
        session.declare_column(0, field("id", CType::BigInt)).unwrap();
        for (n, axis) in ["x", "y", "z"].iter().enumerate() {
            session.declare_column(n as u16 + 1, field(axis, CType::Double)).unwrap();
        }
        session.declare_column(4, field("text", CType::Char)).unwrap();
        session.declare_param(0, param("k", CType::Char, Some(b"2147483647"))).unwrap();
        let rows = 200usize;
        let keys: Vec<u8> = (0..rows as u64).flat_map(u64::to_le_bytes).collect();
        let numbers: Vec<u8> = (0..rows).flat_map(|i| (i as f64).to_le_bytes()).collect();
        let texts = vec![b'x'; rows * 1000];
        let column = |bytes| ColumnData { bytes, indicators: None };
        let data = [
            column(&keys),
            column(&numbers),
            column(&numbers),
            column(&numbers),
            ColumnData { bytes: &texts, indicators: Some(vec![1000; rows]) },
        ];
        let settings = Settings::read(&format!("max_memory_mb={mb}"), |_| None).unwrap();
        session.execute(&settings, &Pool::default(), rows, &data).map_err(|e| e.to_string())
    };
    let refused = run(20).unwrap_err();
    assert!(refused.starts_with("what is copied of the rows found would take"), "{refused}");
    assert!(run(100).is_ok());
}

#[test]
fn large_calls_are_refused_and_smaller_ones_work() {
    let vector = [0u8; 4000];
    let text = format!("[{}1]", "0,".repeat(999));
    let queries = vec![0u8; 4000 * 200];
    let search: &[(&str, &[u8])] = &[("query", &queries), ("query_count", b"200"), ("k", b"1000")];
    let half: &[(&str, &[u8])] = &[("element", b"f16")];
    for (kernel, ctype, row, params, what) in [
        ("vector_normalize", CType::Binary, &vector[..], &[][..], "the resulting vectors"),
        ("vector_norm", CType::Char, text.as_bytes(), &[], "converting this chunk"),
        ("vector_norm", CType::Binary, &vector, half, "converting this chunk"),
        ("vector_top_k", CType::Binary, &vector, search, "the candidates of the search"),
    ] {
        let refused = run(kernel, ctype, row, 1000, params, 1).unwrap_err();
        assert!(
            refused.starts_with(what) && refused.ends_with("the limit is 1048576 bytes"),
            "{kernel}: {refused}"
        );
        assert!(run(kernel, ctype, row, 1000, params, 200).is_ok(), "{kernel}");
    }
}
