//! The examples of the registry as calls.

use hart_kernels::registry::{Call, Cell, Input, Kernel, Kind, Output, Value};
use hart_kernels::{Compute, Element, Error, Vectors};

use super::{bind, text};

/// A column of an example.
fn column_of(kernel: &Kernel, n: usize) -> Input<'static> {
    let cells: Vec<Cell> = kernel.example.inputs.iter().map(|row| row[n]).collect();
    match kernel.inputs[n].kind {
        Kind::Id => Input::Id(Some(
            cells.iter().map(|c| if let Cell::Int(id) = c { Some(*id) } else { None }).collect(),
        )),
        Kind::Vector => {
            let rows: Vec<Option<&[f32]>> =
                cells.iter().map(|c| if let Cell::Vector(v) = c { Some(*v) } else { None }).collect();
            let lengths: Vec<i32> = rows.iter().map(|r| r.map_or(-1, |r| r.len() as i32 * 4)).collect();
            let bytes: Vec<u8> = rows.into_iter().flatten().flatten().flat_map(|x| x.to_le_bytes()).collect();
            let bytes: &'static [u8] = bytes.leak();
            Input::Vectors(Vectors::packed(kernel.inputs[n].name, Element::F32, bytes, &lengths).unwrap())
        }
        Kind::Int | Kind::BigInt => Input::Integers(
            cells.iter().map(|c| if let Cell::Int(v) = c { Some(*v) } else { None }).collect(),
        ),
        Kind::Float => Input::Floats(
            cells.iter().map(|c| if let Cell::Float(v) = c { Some(*v) } else { None }).collect(),
        ),
        Kind::Text | Kind::LongText => Input::Texts(
            cells.iter().map(|c| if let Cell::Text(v) = c { Some((*v).into()) } else { None }).collect(),
        ),
        Kind::Binary | Kind::Point => Input::Binary(
            cells
                .iter()
                .map(|cell| match value_of(*cell) {
                    Value::Bytes(bytes) => Some(&*bytes.leak()),
                    _ => None,
                })
                .collect(),
        ),
    }
}

/// A cell as a value of a parameter.
pub(crate) fn value_of(cell: Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Int(v) => Value::Int(v),
        Cell::Float(v) => Value::Float(v),
        Cell::Text(v) => text(v),
        Cell::Binary(v) => Value::Bytes(v.into()),
        Cell::Vector(v) => Value::Bytes(v.iter().flat_map(|x| x.to_le_bytes()).collect()),
    }
}

/// Runs a kernel on its example.
pub(crate) fn run(kernel: &'static Kernel, compute: Compute) -> Result<Output, Error> {
    let example = &kernel.example;
    assert!(example.inputs.iter().all(|row| row.len() == kernel.inputs.len()), "{}", kernel.name);
    let params: Vec<_> = example.params.iter().map(|(name, cell)| (*name, value_of(*cell))).collect();
    let inputs = (0..kernel.inputs.len()).map(|n| column_of(kernel, n)).collect();
    let params = bind(kernel, &params)?;
    (kernel.run)(&Call::new(kernel, example.inputs.len(), inputs, params, compute)?)
}
