//! A column of packed vectors is used where the host put it.

#[path = "abi/common.rs"]
mod common;

use common::{field, param};
use hart_kernels::Pool;
use hart_sqlhost::columns::{CType, ColumnData};
use hart_sqlhost::session::Session;
use hart_sqlhost::settings::Settings;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn packed_vectors_are_not_copied() {
    const ROWS: usize = 2000;
    const DIMENSIONS: usize = 1998;
    // At an odd address, as a host may place it.
    let memory = vec![0u8; ROWS * DIMENSIONS * 4 + 1];
    let vectors = || ColumnData { bytes: &memory[1..], indicators: Some(vec![DIMENSIONS as i32 * 4; ROWS]) };
    let keys = vec![0u8; ROWS * 8];
    let settings = Settings::read("threads=2", |_| None).unwrap();
    let pool = Pool::default();
    let query = vec![0u8; DIMENSIONS * 4];
    for (kernel, columns, params) in [
        ("vector_dot_product", vec!["id", "a", "b"], vec![]),
        ("vector_norm", vec!["id", "v"], vec![]),
        ("vector_top_k", vec!["id", "v"], vec![param("query", CType::Binary, Some(&query))]),
    ] {
        let mut session = Session::new(kernel, columns.len() as u16, params.len() as u16).unwrap();
        let mut data = vec![ColumnData { bytes: &keys, indicators: None }];
        for (n, name) in columns.iter().enumerate() {
            session
                .declare_column(n as u16, field(name, if n == 0 { CType::BigInt } else { CType::Binary }))
                .unwrap();
            if n > 0 {
                data.push(vectors());
            }
        }
        for (n, param) in params.into_iter().enumerate() {
            session.declare_param(n as u16, param).unwrap();
        }
        let region = Region::new(ALLOCATOR);
        session.execute(&settings, &pool, ROWS, &data).unwrap();
        let allocated = region.change().bytes_allocated;
        let column = ROWS * DIMENSIONS * 4;
        assert!(allocated < column / 10, "{kernel} allocated {allocated} bytes for columns of {column}");
    }
}
