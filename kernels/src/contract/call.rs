//! A call by name: bound columns and parameters in, result columns out.

use super::shared::LEFT_OUT;
use super::{Column, Kernel, Kind, Param, Params};
use crate::column::vectors::{PackedVectors, Vectors};
use crate::error::Error;
use crate::memory::{check_memory, default_memory_limit};
use crate::pairwise::compute::Compute;

/// A declared input column, bound.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// The caller's keys. The values are present only where the key is an integer; other keys are passed through, not
    /// compared.
    Id(Option<Vec<Option<i64>>>),
    /// Vectors.
    Vectors(Vectors<'a>),
    /// Integers of a column of kind [`Kind::Int`] or [`Kind::BigInt`].
    Integers(Vec<Option<i64>>),
    /// Numbers.
    Floats(Vec<Option<f64>>),
    /// Texts.
    Texts(Vec<Option<String>>),
    /// Bytes, borrowed from the host.
    Binary(Vec<Option<&'a [u8]>>),
}

impl Input<'_> {
    /// Whether the column fits a declared column of that kind with that many rows.
    fn fits(&self, kind: Kind, rows: usize) -> bool {
        match self {
            Input::Id(keys) => kind == Kind::Id && keys.as_ref().is_none_or(|k| k.len() == rows),
            Input::Vectors(v) => kind == Kind::Vector && v.len() == rows,
            Input::Integers(v) => matches!(kind, Kind::Int | Kind::BigInt) && v.len() == rows,
            Input::Floats(v) => kind == Kind::Float && v.len() == rows,
            Input::Texts(v) => matches!(kind, Kind::Text | Kind::LongText) && v.len() == rows,
            Input::Binary(v) => matches!(kind, Kind::Binary | Kind::Point) && v.len() == rows,
        }
    }

    fn describe(&self) -> String {
        match self {
            Input::Id(Some(keys)) => format!("{} ids", keys.len()),
            Input::Id(None) => "ids".into(),
            Input::Vectors(v) => format!("{} vectors {}", v.len(), v.name()),
            Input::Integers(v) => format!("{} integers", v.len()),
            Input::Floats(v) => format!("{} numbers", v.len()),
            Input::Texts(v) => format!("{} texts", v.len()),
            Input::Binary(v) => format!("{} byte strings", v.len()),
        }
    }
}

/// A kernel's arguments: inputs that match its declaration and each other.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    kernel: &'static Kernel,
    pub(crate) rows: usize,
    pub(crate) inputs: Vec<Input<'a>>,
    pub(crate) params: Params,
    pub(crate) compute: Compute,
    limit: u64,
}

impl<'a> Call<'a> {
    /// The value of the word given for a parameter.
    ///
    /// # Errors
    ///
    /// [`Error::ParameterValue`] for a word of the parameter's list that `parse` does not know, so it never takes
    /// another word's meaning.
    pub(crate) fn chosen<T>(&self, param: &Param, parse: impl Fn(&str) -> Option<T>) -> Result<T, Error> {
        let word = self.params.word(param.name);
        parse(word).ok_or_else(|| Error::ParameterValue {
            name: param.name.into(),
            value: format!("'{word}'"),
            expected: param.kind.describe(),
        })
    }

    /// A call with `rows` input rows, the declared input columns in order, with or without the optional one, and bound
    /// parameters.
    ///
    /// # Errors
    ///
    /// [`Error::Columns`] where the columns are not the declared ones or do not all have `rows` rows;
    /// [`Error::ColumnType`] where vectors of different precision meet.
    pub fn new(
        kernel: &'static Kernel,
        rows: usize,
        inputs: Vec<Input<'a>>,
        params: Params,
        compute: Compute,
    ) -> Result<Call<'a>, Error> {
        let fits = |(column, input): (&Column, &Input<'_>)| input.fits(column.kind, rows);
        let declared = kernel.inputs.len();
        let counts = declared..=declared + kernel.optional.len();
        if !counts.contains(&inputs.len()) || !kernel.columns().zip(&inputs).all(fits) {
            let found = inputs.iter().map(Input::describe);
            return Err(Error::Columns {
                expected: format!("{} with {rows} rows each", kernel.expected()),
                found: found.collect::<Vec<_>>().join(", "),
            });
        }
        let call = Call { kernel, rows, inputs, params, compute, limit: default_memory_limit() };
        let mut vectors = call.all_vectors();
        if let Some(first) = vectors.next()
            && let Some(other) = vectors.find(|v| v.width() != first.width())
        {
            return Err(Error::ColumnType {
                place: other.place().clone(),
                found: format!("vectors of {}", other.element().name()),
                expected: format!("{}, as {}", first.element().name(), first.place()),
            });
        }
        drop(vectors);
        Ok(call)
    }

    /// The same with a limit, in bytes, on the memory of the kernel's results; the default is [`default_memory_limit`].
    #[must_use]
    pub fn memory_limit(self, limit: u64) -> Call<'a> {
        Call { limit, ..self }
    }

    /// Fails before an allocation that would exceed the limit.
    pub(crate) fn check_memory(&self, what: &str, bytes: u64) -> Result<(), Error> {
        check_memory(what, bytes, self.limit)
    }

    /// The limit, in bytes.
    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    fn all_vectors(&self) -> impl Iterator<Item = &Vectors<'a>> {
        self.inputs.iter().filter_map(|i| if let Input::Vectors(v) = i { Some(v) } else { None })
    }

    /// The `n`-th vector column, in the width in which kernels compute.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] where there is none for narrow elements as singles.
    pub(crate) fn vectors(&self, n: usize) -> Result<&Vectors<'a>, Error> {
        let vectors = self.given_vectors(n);
        vectors.widen()?;
        Ok(vectors)
    }

    /// The `n`-th vector column, as it was given.
    pub(crate) fn given_vectors(&self, n: usize) -> &Vectors<'a> {
        self.all_vectors().nth(n).expect("the registry row declares this vector column")
    }

    fn input(&self, name: &str) -> Option<&Input<'a>> {
        let n = self.kernel.columns().position(|c| c.name == name)?;
        self.inputs.get(n)
    }

    /// The keys of the column `id`; `None` where they are not integers.
    pub fn keys(&self) -> Option<&[Option<i64>]> {
        match self.input("id") {
            Some(Input::Id(keys)) => keys.as_deref(),
            _ => None,
        }
    }

    /// Rows by rising id, NULL last; of equal ids, or where they are no integers, in input order.
    pub(crate) fn by_id(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.rows).collect();
        if let Some(ids) = self.keys() {
            order.sort_by_key(|row| (ids[*row].is_none(), ids[*row]));
        }
        order
    }

    /// A declared column of integers. Panics, like the accessors below, where the kernel's row declares none of that
    /// name.
    pub fn integers(&self, name: &str) -> &[Option<i64>] {
        let Some(Input::Integers(v)) = self.input(name) else { panic!("{name} is not declared as integers") };
        v
    }

    /// A declared column of numbers.
    pub fn floats(&self, name: &str) -> &[Option<f64>] {
        let Some(Input::Floats(v)) = self.input(name) else { panic!("{name} is not declared as numbers") };
        v
    }

    /// A flag for each row of the optional column [`LEFT_OUT`]; `None` where the caller gave none.
    pub(crate) fn left_out(&self) -> Option<Vec<bool>> {
        let Some(Input::Floats(flags)) = self.input(LEFT_OUT.name) else { return None };
        Some(flags.iter().map(|flag| flag.is_some_and(|flag| flag != 0.0)).collect())
    }

    /// A declared column of texts.
    pub fn texts(&self, name: &str) -> &[Option<String>] {
        let Some(Input::Texts(v)) = self.input(name) else { panic!("{name} is not declared as texts") };
        v
    }

    /// A declared column of bytes.
    pub fn binary(&self, name: &str) -> &[Option<&'a [u8]>] {
        let Some(Input::Binary(v)) = self.input(name) else { panic!("{name} is not declared as bytes") };
        v
    }
}

/// A result column.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Doubles, possibly NaN or infinite; a host that cannot hold those defines what it does.
    Float(Vec<Option<f64>>),
    /// 32-bit integers.
    Int(Vec<Option<i32>>),
    /// 64-bit integers.
    BigInt(Vec<Option<i64>>),
    /// Texts.
    Text(Vec<Option<String>>),
    /// Vectors.
    Vectors(PackedVectors),
    /// Bytes.
    Binary(Vec<Option<Vec<u8>>>),
    /// Bytes back to back: the content of [`Values::Binary`] without an allocation per row.
    Packed(PackedBytes),
}

/// Byte strings, back to back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PackedBytes {
    /// The rows' bytes.
    pub bytes: Vec<u8>,
    /// Length of every row, −1 for NULL.
    pub lengths: Vec<i32>,
}

impl PackedBytes {
    /// The rows of all parts, in order.
    pub(crate) fn joined(parts: Vec<PackedBytes>) -> PackedBytes {
        let mut all = PackedBytes::default();
        all.bytes.reserve_exact(parts.iter().map(|part| part.bytes.len()).sum());
        for part in parts {
            all.bytes.extend_from_slice(&part.bytes);
            all.lengths.extend_from_slice(&part.lengths);
        }
        all
    }

    /// The bytes of each row; `None` where the row is NULL or its bytes are missing.
    pub fn rows(&self) -> impl Iterator<Item = Option<&[u8]>> {
        let mut rest = self.bytes.as_slice();
        self.lengths.iter().map(move |length| {
            let (row, others) = rest.split_at_checked(usize::try_from(*length).ok()?)?;
            rest = others;
            Some(row)
        })
    }
}

impl Values {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Values::Float(v) => v.len(),
            Values::Int(v) => v.len(),
            Values::BigInt(v) => v.len(),
            Values::Binary(v) => v.len(),
            Values::Packed(v) => v.lengths.len(),
            Values::Text(v) => v.len(),
            Values::Vectors(v) => v.lengths.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A kernel's result.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// The declared result columns except the id, in order.
    pub columns: Vec<Values>,
    /// Input row of each result row, where the kernel picks rows (see [`super::RowShape`]).
    pub picked: Option<Vec<usize>>,
}

impl Output {
    /// One column with one value per input row.
    pub(crate) fn same(values: Values) -> Output {
        Output { columns: vec![values], picked: None }
    }
}
