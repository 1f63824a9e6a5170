//! `max_memory_mb`: too large a call is refused before the memory is taken.

mod common;

use common::{field, param};
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
