//! A call by name: bound columns and parameters in, columns out.

use super::{Column, Kernel, Kind, Params};
use crate::compute::Compute;
use crate::error::Error;
use crate::vectors::{PackedVectors, Vectors};

/// A declared input column, bound.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// The caller's keys. The values are there only where the key is an integer; others can be carried, not compared.
    Id(Option<Vec<Option<i64>>>),
    /// Vectors.
    Vectors(Vectors<'a>),
}

/// What a kernel gets: inputs that fit its declaration and each other.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    pub(crate) rows: usize,
    pub(crate) inputs: Vec<Input<'a>>,
    pub(crate) params: Params,
    pub(crate) compute: Compute,
    limit: Option<u64>,
}

impl<'a> Call<'a> {
    /// A call with `rows` input rows, the declared input columns in order, and bound parameters.
    ///
    /// # Errors
    ///
    /// [`Error::Columns`] where the columns are not the declared ones or do not all have `rows` rows;
    /// [`Error::ColumnType`] where vectors of different precision meet.
    pub fn new(
        kernel: &Kernel,
        rows: usize,
        inputs: Vec<Input<'a>>,
        params: Params,
        compute: Compute,
    ) -> Result<Call<'a>, Error> {
        let fits = |(column, input): (&Column, &Input<'_>)| match input {
            Input::Id(keys) => column.kind == Kind::Id && keys.as_ref().is_none_or(|k| k.len() == rows),
            Input::Vectors(v) => column.kind == Kind::Vector && v.len() == rows,
        };
        if inputs.len() != kernel.inputs.len() || !kernel.inputs.iter().zip(&inputs).all(fits) {
            let found = inputs.iter().map(|input| match input {
                Input::Id(Some(keys)) => format!("{} ids", keys.len()),
                Input::Id(None) => "ids".into(),
                Input::Vectors(v) => format!("{} vectors {}", v.len(), v.name()),
            });
            return Err(Error::Columns {
                expected: format!("{} with {rows} rows each", Kernel::signature(kernel.inputs)),
                found: found.collect::<Vec<_>>().join(", "),
            });
        }
        let call = Call { rows, inputs, params, compute, limit: None };
        let mut vectors = call.all_vectors();
        if let Some(first) = vectors.next()
            && let Some(other) = vectors.find(|v| v.width() != first.width())
        {
            return Err(Error::ColumnType {
                column: other.name().into(),
                found: format!("vectors of {}", other.element().name()),
                expected: format!("{}, as column {}", first.element().name(), first.name()),
            });
        }
        drop(vectors);
        Ok(call)
    }

    /// The same with a limit, in bytes, on what the kernel may take for its results.
    #[must_use]
    pub fn memory_limit(self, limit: Option<u64>) -> Call<'a> {
        Call { limit, ..self }
    }

    /// Refuses before it is taken what would exceed the limit.
    pub(crate) fn check_memory(&self, what: &str, bytes: u64) -> Result<(), Error> {
        match self.limit {
            Some(limit) if bytes > limit => Err(Error::Memory { what: what.into(), bytes, limit }),
            _ => Ok(()),
        }
    }

    fn all_vectors(&self) -> impl Iterator<Item = &Vectors<'a>> {
        self.inputs.iter().filter_map(|i| if let Input::Vectors(v) = i { Some(v) } else { None })
    }

    /// The `n`-th vector column.
    pub(crate) fn vectors(&self, n: usize) -> &Vectors<'a> {
        self.all_vectors().nth(n).expect("the registry row declares this vector column")
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
