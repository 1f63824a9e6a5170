//! Returns its input, to show what a host sends and receives.

use crate::contract::{ANY_NAME, Example, Family, Kernel, Output, Param, ParamKind, RowShape, Streaming};

pub(crate) static KERNEL: Kernel = Kernel {
    name: "system_echo",
    family: Family::System,
    summary: "Returns every input column unchanged.",
    details: "For checking an installation: every column comes back as it came. Any columns and any parameters are accepted.",
    inputs: &[],
    optional: &[],
    params: &[Param {
        name: ANY_NAME,
        kind: ParamKind::Any,
        default: Some(""),
        summary: "Any parameters of any type.",
    }],
    outputs: &[],
    rows: RowShape::Same,
    nulls: "NULL comes back as NULL.",
    empty: "Empty values come back empty.",
    nan: "Unchanged.",
    accuracy: "Exact.",
    streaming: Streaming::Rows,
    source: "This library.",
    elements: "",
    sql: "OUTPUT parameters come back too. A uniqueidentifier comes back as text, a bit as 0 or 1. FLOAT and REAL hold neither NaN nor infinity.",
    example: Example { inputs: &[], params: &[], outputs: &[] },
    run: |_| Ok(Output { columns: Vec::new(), picked: None }),
};
