//! Payloads of any type as singles.

use crate::contract::{Call, Cell, Example, Family, Kernel, Output, RowShape, Streaming};
use crate::error::Error;
use crate::tensor::layer;
use crate::tensor::payload::{CHUNK, PAYLOAD, Payload, TYPE};
use crate::tensor::quant::PayloadType;

fn run(call: &Call<'_>) -> Result<Output, Error> {
    if call.rows == 0 {
        return layer::output(None);
    }
    let payload =
        Payload::gather(call.integers(CHUNK.name), &PAYLOAD, call.binary(PAYLOAD.name), 0..call.rows)?;
    let payload_type = PayloadType::parse(call.params.word(TYPE.name))?;
    let elements = payload_type.elements(payload.bytes())?;
    layer::check_length(elements)?;
    // As numbers and as bytes; chunks cut within a block are joined first.
    call.check_memory(
        "the elements",
        (elements as u64).saturating_mul(8).saturating_add(payload.bytes() as u64),
    )?;
    let singles = payload.decode(call.compute, payload_type)?;
    layer::output(Some(&singles))
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "tensor_dequantize",
    family: Family::Tensor,
    summary: "A payload of any type as packed singles.",
    details: "Reads the block layouts of GGUF and, by their own names, those of the replaced functions. Rows are the chunks of one \
              payload, in any order.",
    inputs: &[CHUNK, PAYLOAD],
    optional: &[],
    params: &[TYPE],
    outputs: &[layer::CHUNK, layer::PAYLOAD],
    rows: RowShape::Made,
    nulls: "NULL bytes are an error that names the row; a NULL chunk is allowed where there is only one.",
    empty: "No rows give no result row; an empty payload gives an empty one.",
    nan: "NaN and infinities are elements like others: a payload is shown as it is.",
    accuracy: "The bits of the package gguf: f16, bf16 and f32 are exact, a quantized element is its scale times its number, with the \
               roundings that the format implies. The same bits for any chunks and any number of threads, on every machine.",
    streaming: Streaming::Whole("all chunks of a payload"),
    source: "The GGUF specification and ggml's block layouts; clr_ParseModelLayer of the replaced functions.",
    elements: "",
    sql: "Several tensors: one partition each.",
    example: Example {
        inputs: &[&[Cell::Null, Cell::Binary(&[0x00, 0x3c, 0x00, 0xc0])]],
        params: &[("type", Cell::Text("f16"))],
        outputs: &[&[Cell::Int(0), Cell::Vector(&[1.0, -2.0])]],
    },
    run,
};
