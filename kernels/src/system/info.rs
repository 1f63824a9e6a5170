//! Reports what is running.

use crate::contract::shared::NO_ROWS;
use crate::contract::{Call, Column, Example, Family, Kernel, Kind, Output, RowShape, Streaming, Values};
use crate::error::Error;

fn run(call: &Call<'_>) -> Result<Output, Error> {
    let available = crate::Level::available().iter().map(|l| l.name()).collect::<Vec<_>>().join(" ");
    let rows = [
        ("version", env!("CARGO_PKG_VERSION").to_string()),
        ("target", format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS)),
        ("level", call.compute.level.name().to_string()),
        ("levels", available),
        ("lanes", crate::LANES.to_string()),
        ("threads", crate::parallel::pool::threads().to_string()),
    ];
    let (names, values) = rows.into_iter().map(|(n, v)| (Some(n.to_string()), Some(v))).unzip();
    Ok(Output { columns: vec![Values::Text(names), Values::Text(values)], picked: None })
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "system_info",
    family: Family::System,
    summary: "Version, processor level and threads of the running library.",
    details: "One row for each property.",
    inputs: &[],
    optional: &[],
    params: &[],
    outputs: &[
        Column { name: "property", kind: Kind::Text, unit: "1", summary: "Name." },
        Column { name: "value", kind: Kind::Text, unit: "1", summary: "Value as text." },
    ],
    rows: RowShape::Made,
    nulls: "No NULL.",
    empty: "Needs no input.",
    nan: "No numbers.",
    accuracy: "Exact.",
    streaming: Streaming::Parts(NO_ROWS),
    source: "This library.",
    elements: "",
    sql: "",
    example: Example { inputs: &[], params: &[], outputs: &[] },
    run,
};
