//! A session with any kernel, any columns and any bytes: an error or a result that keeps the contract, never a panic; and
//! the same result when it is run again, at another level of threads.
#![no_main]

use arbitrary::Arbitrary;
use hart_kernels::Pool;
use hart_kernels::registry::{Family, KERNELS};
use hart_sqlhost::columns::{CType, ColumnData, Field};
use hart_sqlhost::convert::ParamField;
use hart_sqlhost::session::{Fault, Session};
use hart_sqlhost::settings::Settings;
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Column {
    name: u8,
    ctype: u8,
    size: u64,
    digits: i16,
    partition: bool,
    bytes: Vec<u8>,
    indicators: Option<Vec<i32>>,
}

#[derive(Arbitrary, Debug)]
struct Param {
    name: u8,
    ctype: u8,
    value: Option<Vec<u8>>,
    output: bool,
}

#[derive(Arbitrary, Debug)]
struct Input {
    kernel: u8,
    rows: u8,
    columns: Vec<Column>,
    params: Vec<Param>,
}

fn ctype(n: u8) -> CType {
    CType::ALL[usize::from(n) % CType::ALL.len()]
}

type Values = Vec<(Vec<u8>, Vec<i32>)>;

fn run(input: &Input, settings: &Settings) -> Result<Values, Fault> {
    let kernel = KERNELS[usize::from(input.kernel) % KERNELS.len()];
    let mut session = Session::new(kernel.name, input.columns.len() as u16, input.params.len() as u16)?;
    for (n, column) in input.columns.iter().enumerate() {
        let declared = kernel.inputs.get(usize::from(column.name));
        session.declare_column(
            n as u16,
            Field {
                name: declared.map_or(format!("c{}", column.name), |c| c.name.into()),
                ctype: ctype(column.ctype),
                size: column.size,
                digits: column.digits,
                partition: column.partition,
            },
        )?;
    }
    for (n, param) in input.params.iter().enumerate() {
        let declared = kernel.params.get(usize::from(param.name));
        session.declare_param(
            n as u16,
            ParamField {
                name: declared.map_or(format!("p{}", param.name), |p| p.name.into()),
                ctype: ctype(param.ctype),
                size: 0,
                digits: 0,
                value: param.value.clone(),
                output: param.output,
            },
        )?;
    }
    let data: Vec<ColumnData<'_>> = input
        .columns
        .iter()
        .map(|c| ColumnData { bytes: &c.bytes, indicators: c.indicators.clone() })
        .collect();
    let count = session.execute(settings, &Pool::default(), usize::from(input.rows), &data)?;
    let (rows, columns) = session.results()?;
    assert_eq!(columns.len(), usize::from(count));
    for (n, column) in columns.iter().enumerate() {
        let field = session.result_field(n as u16)?;
        assert_eq!(column.indicators.len(), rows);
        let bytes: usize = match field.ctype.fixed_size() {
            Some(size) => rows * size,
            None => column.indicators.iter().map(|l| (*l).max(0) as usize).sum(),
        };
        assert_eq!(column.data.bytes().len(), bytes);
        assert!(field.size > 0);
    }
    for (n, param) in input.params.iter().enumerate().filter(|(_, p)| p.output) {
        let _ = (session.output_param(n as u16)?, param);
    }
    Ok(columns.iter().map(|c| (c.data.bytes().to_vec(), c.indicators.clone())).collect())
}

fuzz_target!(|input: Input| {
    // Every declared parameter may be asked for a million rows; the input is small, so the result is too.
    let settings =
        |threads| Settings { threads, interface_version: 2, max_memory_mb: Some(64), max_column_bytes: 8000 };
    let first = run(&input, &settings(1)).map_err(|e| e.to_string());
    let second = run(&input, &settings(2)).map_err(|e| e.to_string());
    // What describes the library itself names the number of threads.
    if KERNELS[usize::from(input.kernel) % KERNELS.len()].family != Family::System {
        assert_eq!(first, second);
    }
});
