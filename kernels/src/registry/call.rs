//! A call by name: bound columns and parameters in, columns out.

use super::Params;
use crate::compute::Compute;
use crate::vectors::{PackedVectors, Vectors};

/// A declared input column, bound.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// The caller's keys. The values are there only where the key is an integer; others can be carried, not compared.
    Id(Option<Vec<Option<i64>>>),
    /// Vectors.
    Vectors(Vectors<'a>),
}

/// What a kernel gets.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// Input rows.
    pub rows: usize,
    /// The declared input columns, in order.
    pub inputs: Vec<Input<'a>>,
    /// The declared parameters.
    pub params: Params,
    /// How to compute.
    pub compute: Compute,
}

impl<'a> Call<'a> {
    /// The `n`-th vector column.
    pub(crate) fn vectors(&self, n: usize) -> &Vectors<'a> {
        let vectors =
            self.inputs.iter().filter_map(|i| if let Input::Vectors(v) = i { Some(v) } else { None });
        vectors.skip(n).next().expect("the registry row declares this vector column")
    }
}

/// A result column.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Doubles. NaN and infinities are values here; a host that cannot hold them says what it does.
    Float(Vec<Option<f64>>),
    /// 32-bit integers.
    Int(Vec<Option<i32>>),
    /// Texts.
    Text(Vec<Option<String>>),
    /// Vectors.
    Vectors(PackedVectors),
}

impl Values {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Values::Float(v) => v.len(),
            Values::Int(v) => v.len(),
            Values::Text(v) => v.len(),
            Values::Vectors(v) => v.lengths.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What a kernel gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// The declared result columns except the id, in order.
    pub columns: Vec<Values>,
    /// Input row of every result row, where the kernel picks rows (see [`super::RowShape`]).
    pub picked: Option<Vec<usize>>,
}

impl Output {
    /// One column with a value for every input row.
    pub(crate) fn same(values: Values) -> Output {
        Output { columns: vec![values], picked: None }
    }
}
