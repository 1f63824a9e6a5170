//! Columns of vectors as packed bytes: one vector per row, of equal or varying length, some NULL.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::OnceLock;

use half::slice::HalfFloatSliceExt;

use crate::arch::zeros;
use crate::error::{Error, Place};
use crate::memory::room;
use crate::number::element::{Element, Width};
use crate::number::json;
use crate::parallel;

#[derive(Clone, Debug)]
enum Data<'a> {
    Borrowed(&'a [u8]),
    /// Elements narrower than singles, and the same as singles once something has asked for them.
    Narrow(Cow<'a, [u8]>, OnceLock<Vec<f32>>),
    Singles(Vec<f32>),
    Doubles(Vec<f64>),
}

/// Where the rows lie in the bytes as they were given.
#[derive(Clone, Debug)]
enum Rows {
    /// Rows of equal length, none NULL: a row-major matrix.
    Matrix { rows: usize, row_bytes: usize },
    /// Byte range of every row; `None` for NULL.
    Ragged(Vec<Option<Range<usize>>>),
}

/// A column of vectors, borrowed where it is packed. Elements narrower than singles become singles, exactly, when an
/// operation first asks for them; searches read them as they are.
///
/// # Shapes
///
/// Row `i` is a vector of `dimensions(i)` elements or NULL. A column whose rows all have the same length is a row-major
/// matrix without gaps. The bytes need no alignment.
///
/// # Examples
///
/// ```
/// use hart_kernels::Vectors;
/// let matrix = Vectors::matrix(&[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0], 3)?;
/// assert_eq!((matrix.len(), matrix.dimensions(0)), (2, Some(3)));
/// # Ok::<(), hart_kernels::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Vectors<'a> {
    place: Place,
    element: Element,
    data: Data<'a>,
    rows: Rows,
}

impl<'a> Vectors<'a> {
    /// A row-major matrix of singles with `dimensions` columns.
    ///
    /// # Errors
    ///
    /// [`Error::ParameterValue`] where the length is not a multiple of `dimensions`.
    pub fn matrix(values: &'a [f32], dimensions: usize) -> Result<Vectors<'a>, Error> {
        Vectors::packed_matrix("matrix", Element::F32, bytemuck::cast_slice(values), dimensions)
    }

    /// A row-major matrix as packed bytes of any alignment.
    ///
    /// # Errors
    ///
    /// [`Error::ParameterValue`] where the length is not a multiple of a row's.
    pub fn packed_matrix(
        name: &str,
        element: Element,
        bytes: &'a [u8],
        dimensions: usize,
    ) -> Result<Vectors<'a>, Error> {
        let row = dimensions.checked_mul(element.size()).filter(|row| *row > 0);
        let Some(row) = row else {
            return Err(Error::ParameterValue {
                name: "dimensions".into(),
                value: dimensions.to_string(),
                expected: format!("from 1 to {}", usize::MAX / element.size()),
            });
        };
        if !bytes.len().is_multiple_of(row) {
            return Err(Error::ParameterValue {
                name: name.into(),
                value: format!("{} bytes", bytes.len()),
                expected: format!("a multiple of {dimensions} {} elements", element.name()),
            });
        }
        Vectors::new(name.into(), element, bytes, Rows::Matrix { rows: bytes.len() / row, row_bytes: row })
    }

    /// A column of packed vectors: the rows' bytes back to back, `lengths` in bytes, −1 for NULL (which has no bytes).
    ///
    /// # Errors
    ///
    /// [`Error::VectorBytes`] where a row is not a whole number of elements; [`Error::Buffer`] where `bytes` is shorter
    /// than the lengths say.
    pub fn packed(
        place: impl Into<Place>,
        element: Element,
        bytes: &'a [u8],
        lengths: &[i32],
    ) -> Result<Vectors<'a>, Error> {
        let place = place.into();
        let size = element.size();
        let wrong = |row: usize, found: usize| Error::VectorBytes {
            place: place.clone(),
            row: row as u64 + 1,
            bytes: found,
            element: element.name(),
            size,
        };
        let too_short =
            |expected: usize| Error::Buffer { place: place.clone(), found: bytes.len(), expected };
        let first = lengths.first().copied().unwrap_or(0);
        if first > 0 && lengths.iter().all(|&l| l == first) {
            let row_bytes = first as usize;
            if !row_bytes.is_multiple_of(size) {
                return Err(wrong(0, row_bytes));
            }
            let total = row_bytes.saturating_mul(lengths.len());
            let bytes = bytes.get(..total).ok_or_else(|| too_short(total))?;
            return Vectors::new(place, element, bytes, Rows::Matrix { rows: lengths.len(), row_bytes });
        }
        let mut end = 0usize;
        let mut rows = room(place.name(), lengths.len())?;
        for (row, &length) in lengths.iter().enumerate() {
            let Ok(length) = usize::try_from(length) else {
                rows.push(None);
                continue;
            };
            if !length.is_multiple_of(size) {
                return Err(wrong(row, length));
            }
            rows.push(Some(end..end + length));
            end += length;
        }
        let bytes = bytes.get(..end).ok_or_else(|| too_short(end))?;
        Vectors::new(place, element, bytes, Rows::Ragged(rows))
    }

    /// A column of packed vectors at the given byte ranges of `bytes`; `None` is NULL. Gaps between them are allowed.
    ///
    /// # Errors
    ///
    /// [`Error::VectorBytes`] where a row is not a whole number of elements; [`Error::Buffer`] where a range is out of
    /// `bytes`.
    ///
    /// # Examples
    ///
    /// ```
    /// use hart_kernels::{Element, Vectors};
    /// let bytes = [1u8, 2, 99, 99, 3, 4];
    /// let rows = vec![Some(0..2), None, Some(4..6)];
    /// let column = Vectors::at("v", Element::I8, &bytes, rows)?;
    /// assert_eq!((column.dimensions(1), column.dimensions(2)), (None, Some(2)));
    /// # Ok::<(), hart_kernels::Error>(())
    /// ```
    pub fn at(
        name: &str,
        element: Element,
        bytes: &'a [u8],
        rows: Vec<Option<Range<usize>>>,
    ) -> Result<Vectors<'a>, Error> {
        let size = element.size();
        for (row, range) in rows.iter().enumerate() {
            let Some(range) = range else { continue };
            if range.start > range.end || range.end > bytes.len() {
                return Err(Error::Buffer {
                    place: name.into(),
                    found: bytes.len(),
                    expected: range.end.max(range.start),
                });
            }
            if !range.len().is_multiple_of(size) {
                return Err(Error::VectorBytes {
                    place: name.into(),
                    row: row as u64 + 1,
                    bytes: range.len(),
                    element: element.name(),
                    size,
                });
            }
        }
        let aligned = rows.iter().flatten().all(|range| range.start.is_multiple_of(size));
        if aligned || matches!(element, Element::F32 | Element::F64) {
            return Vectors::new(name.into(), element, bytes, Rows::Ragged(rows));
        }
        // Narrow elements may be converted in one go, so the gaps between the rows are removed first.
        let mut packed = Vec::with_capacity(rows.iter().flatten().map(Range::len).sum());
        let mut place = |range: Range<usize>| {
            packed.extend_from_slice(&bytes[range.clone()]);
            packed.len() - range.len()..packed.len()
        };
        let rows = rows.into_iter().map(|range| range.map(&mut place)).collect();
        let data = Data::Narrow(Cow::Owned(packed), OnceLock::new());
        Ok(Vectors { place: name.into(), element, data, rows: Rows::Ragged(rows) })
    }

    fn new(place: Place, element: Element, bytes: &'a [u8], rows: Rows) -> Result<Vectors<'a>, Error> {
        let data = match element {
            Element::F32 | Element::F64 => Data::Borrowed(bytes),
            Element::F16 | Element::Bf16 | Element::I8 => Data::Narrow(Cow::Borrowed(bytes), OnceLock::new()),
        };
        Ok(Vectors { place, element, data, rows })
    }

    /// A column of JSON arrays of numbers, one text per row, back to back as in [`Vectors::packed`].
    ///
    /// # Errors
    ///
    /// [`Error::Json`] with the byte offset in the row's text; [`Error::ParameterValue`] where `element` is not `f32`
    /// or `f64`.
    pub fn from_json(
        place: impl Into<Place>,
        element: Element,
        texts: &[u8],
        lengths: &[i32],
    ) -> Result<Vectors<'static>, Error> {
        let place = place.into();
        let mut spans = Vec::with_capacity(lengths.len());
        let mut end = 0usize;
        for &length in lengths {
            spans.push(usize::try_from(length).ok().map(|length| {
                end += length;
                end - length..end
            }));
        }
        let texts = texts.get(..end).ok_or_else(|| Error::Buffer {
            place: place.clone(),
            found: texts.len(),
            expected: end,
        })?;
        let (data, rows) = match element {
            Element::F32 => {
                let (values, rows) = parse_rows::<f32>(&place, texts, &spans)?;
                (Data::Singles(values), rows)
            }
            Element::F64 => {
                let (values, rows) = parse_rows::<f64>(&place, texts, &spans)?;
                (Data::Doubles(values), rows)
            }
            other => {
                return Err(Error::ParameterValue {
                    name: "element".into(),
                    value: other.name().into(),
                    expected: format!("f32 or f64, because {place} holds JSON text"),
                });
            }
        };
        Ok(Vectors { place, element, data, rows })
    }

    /// The same numbers as a matrix of `dimensions` columns; `dimensions` must divide their count.
    pub(crate) fn reshape(self, dimensions: usize) -> Vectors<'a> {
        let row_bytes = dimensions * self.given_size();
        let rows = Rows::Matrix { rows: self.given_bytes().len() / row_bytes, row_bytes };
        Vectors { rows, ..self }
    }

    /// Some of the rows as a column that borrows from this one.
    pub(crate) fn picked(&self, rows: &[usize]) -> Vectors<'_> {
        let range = |row: &usize| self.given_range(*row).map(|range| self.scaled(range));
        Vectors {
            place: self.place.clone(),
            element: self.element,
            data: Data::Borrowed(self.bytes()),
            rows: Rows::Ragged(rows.iter().map(range).collect()),
        }
    }

    /// Its name, as error messages show it.
    pub fn name(&self) -> &str {
        self.place.name()
    }

    /// What error messages say of it: a column, or a parameter.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The element type in which the column was given.
    pub fn element(&self) -> Element {
        self.element
    }

    /// Number of rows, NULL rows included.
    pub fn len(&self) -> usize {
        match &self.rows {
            Rows::Matrix { rows, .. } => *rows,
            Rows::Ragged(rows) => rows.len(),
        }
    }

    /// Whether the column has no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Dimensions of row `i`; `None` where the row is NULL or out of range.
    pub fn dimensions(&self, i: usize) -> Option<usize> {
        if i >= self.len() {
            return None;
        }
        self.given_range(i).map(|range| range.len() / self.given_size())
    }

    /// Whether the elements are narrower than singles, and have not been converted yet.
    pub(crate) fn is_narrow(&self) -> bool {
        matches!(&self.data, Data::Narrow(_, singles) if singles.get().is_none())
    }

    /// Converts narrow elements to singles, if that has not been done.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`]. Without this, [`Vectors::bytes`] and [`Vectors::row`] convert them, and end the process where
    /// there is no memory.
    pub(crate) fn widen(&self) -> Result<(), Error> {
        if let Data::Narrow(bytes, singles) = &self.data
            && singles.get().is_none()
        {
            // Another thread may have been faster, with the same numbers.
            let _ = singles.set(to_singles(self.element, bytes)?);
        }
        Ok(())
    }

    /// All bytes, as they were given, or in the width in which kernels compute where that is the same.
    pub(crate) fn given_bytes(&self) -> &[u8] {
        match &self.data {
            Data::Narrow(bytes, _) => bytes,
            _ => self.bytes(),
        }
    }

    /// The bytes of row `i` among [`Vectors::given_bytes`]; `None` where it is NULL.
    #[inline]
    pub(crate) fn given_row(&self, i: usize) -> Option<&[u8]> {
        self.given_range(i).map(|range| &self.given_bytes()[range])
    }

    #[inline]
    fn given_range(&self, i: usize) -> Option<Range<usize>> {
        match &self.rows {
            Rows::Matrix { rows, row_bytes } => {
                assert!(i < *rows, "row {i} of {rows}");
                Some(i * row_bytes..(i + 1) * row_bytes)
            }
            Rows::Ragged(rows) => rows[i].clone(),
        }
    }

    /// Bytes of an element as it was given.
    fn given_size(&self) -> usize {
        if matches!(self.data, Data::Narrow(..)) { self.element.size() } else { self.width().bytes() }
    }

    /// A range of the given bytes as one of [`Vectors::bytes`].
    #[inline]
    fn scaled(&self, range: Range<usize>) -> Range<usize> {
        let factor = self.width().bytes() / self.given_size();
        range.start * factor..range.end * factor
    }

    pub(crate) fn width(&self) -> Width {
        self.element.width()
    }

    /// The element type of [`Vectors::bytes`].
    pub(crate) fn wide_element(&self) -> Element {
        self.width().element()
    }

    /// All bytes, in the width in which kernels compute.
    pub(crate) fn bytes(&self) -> &[u8] {
        match &self.data {
            Data::Borrowed(bytes) => bytes,
            Data::Narrow(bytes, singles) => {
                let convert_all = || {
                    let mut out = vec![0.0; bytes.len() / self.element.size()];
                    convert(self.element, bytes, &mut out);
                    out
                };
                bytemuck::cast_slice(singles.get_or_init(convert_all))
            }
            Data::Singles(values) => bytemuck::cast_slice(values),
            Data::Doubles(values) => bytemuck::cast_slice(values),
        }
    }

    /// The bytes of row `i` in the width in which kernels compute; `None` where it is NULL.
    #[inline]
    pub(crate) fn row(&self, i: usize) -> Option<&[u8]> {
        self.given_range(i).map(|range| &self.bytes()[self.scaled(range)])
    }

    /// The error for row `i` whose dimensions differ from those of `other`.
    pub(crate) fn mismatch(&self, i: usize, other: Place, expected: usize) -> Error {
        Error::Dimensions {
            place: self.place.clone(),
            row: i as u64 + 1,
            found: self.dimensions(i).unwrap_or(0),
            other,
            expected,
        }
    }
}

/// Exact conversion of the narrow element types.
fn to_singles(element: Element, bytes: &[u8]) -> Result<Vec<f32>, Error> {
    let mut out = zeros("the conversion to singles", bytes.len() / element.size())?;
    convert(element, bytes, &mut out);
    Ok(out)
}

/// [`to_singles`] into an existing slice of matching length.
pub(crate) fn convert(element: Element, bytes: &[u8], out: &mut [f32]) {
    const STEP: usize = 512;
    for (target, source) in out.chunks_mut(STEP).zip(bytes.chunks(STEP * element.size())) {
        // The bytes may have any alignment, so each step is copied into an aligned buffer of halves.
        let mut aligned = [0u16; STEP];
        if element.size() == 2 {
            bytemuck::cast_slice_mut::<u16, u8>(&mut aligned)[..source.len()].copy_from_slice(source);
        }
        let halves = &aligned[..target.len()];
        match element {
            Element::F16 => {
                use half::slice::HalfBitsSliceExt;
                halves.reinterpret_cast::<half::f16>().convert_to_f32_slice(target);
            }
            Element::Bf16 => {
                for (value, bits) in target.iter_mut().zip(halves) {
                    *value = f32::from_bits(u32::from(*bits) << 16);
                }
            }
            Element::I8 => {
                for (value, byte) in target.iter_mut().zip(source) {
                    *value = f32::from(*byte as i8);
                }
            }
            Element::F32 | Element::F64 => unreachable!("wide elements are used where they lie"),
        }
    }
}

fn parse_rows<T: json::Number>(
    place: &Place,
    texts: &[u8],
    spans: &[Option<Range<usize>>],
) -> Result<(Vec<T>, Rows), Error> {
    let blocks = parallel::blocks(spans.len(), texts.len(), |range| {
        let mut values: Vec<T> = Vec::new();
        let mut counts = Vec::with_capacity(range.len());
        for i in range {
            let Some(span) = spans[i].clone() else {
                counts.push(None);
                continue;
            };
            let before = values.len();
            json::parse_array(&texts[span], &mut values).map_err(|e| Error::Json {
                place: place.clone(),
                row: i as u64 + 1,
                offset: e.offset,
                problem: e.problem,
            })?;
            counts.push(Some(values.len() - before));
        }
        Ok((values, counts))
    })?;
    let mut all = Vec::with_capacity(blocks.iter().map(|(values, _)| values.len()).sum());
    let mut rows = Vec::with_capacity(spans.len());
    let size = size_of::<T>();
    let mut end = 0;
    for (values, counts) in blocks {
        all.extend_from_slice(&values);
        rows.extend(counts.into_iter().map(|count| {
            count.map(|count| {
                end += count * size;
                end - count * size..end
            })
        }));
    }
    let first = rows.first().cloned().flatten().map_or(0, |r: Range<usize>| r.len());
    let equal = first > 0 && rows.iter().all(|r| r.as_ref().is_some_and(|r| r.len() == first));
    let rows = if equal { Rows::Matrix { rows: rows.len(), row_bytes: first } } else { Rows::Ragged(rows) };
    Ok((all, rows))
}

/// A column of vectors as a kernel writes it: packed bytes and byte lengths, −1 for NULL.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PackedVectors {
    /// Element type of `bytes`.
    pub element: Element,
    /// The rows' little-endian elements, back to back.
    pub bytes: Vec<u8>,
    /// Byte length of every row, −1 for NULL.
    pub lengths: Vec<i32>,
}

impl PackedVectors {
    /// The vector of row `i` as doubles (exact for every element type); `None` where it is NULL or its bytes are
    /// missing.
    pub fn row(&self, i: usize) -> Option<Vec<f64>> {
        let length = usize::try_from(*self.lengths.get(i)?).ok()?;
        let start: usize = self.lengths[..i].iter().map(|&l| l.max(0) as usize).sum();
        Some(decode(self.element, self.bytes.get(start..)?.get(..length)?))
    }

    /// Doubles as vectors of an element type that results have; `None` is NULL.
    pub(crate) fn of_doubles<'a>(
        element: Element,
        rows: impl Iterator<Item = Option<&'a [f64]>> + Clone,
    ) -> PackedVectors {
        let width = element.width();
        let mut out = PackedVectors { element: width.element(), ..PackedVectors::default() };
        out.bytes.reserve_exact(rows.clone().flatten().map(|row| row.len() * width.bytes()).sum());
        for row in rows {
            match width {
                Width::F64 => out.bytes.extend(row.into_iter().flatten().flat_map(|v| v.to_le_bytes())),
                Width::F32 => {
                    out.bytes.extend(row.into_iter().flatten().flat_map(|v| (*v as f32).to_le_bytes()));
                }
            }
            // No vector is longer than those of the input, or than a state allows.
            out.lengths.push(row.map_or(-1, |row| (row.len() * width.bytes()) as i32));
        }
        out.rounded(element)
    }

    /// The same vectors in the element type of a result: singles are rounded to f16 or bf16, others stay.
    pub(crate) fn rounded(mut self, element: Element) -> PackedVectors {
        debug_assert_eq!(self.element.width(), element.width());
        if element.size() < self.element.size() {
            let shrink = (self.element.size() / element.size()) as i32;
            self.bytes = narrow(element, &self.bytes);
            self.lengths.iter_mut().filter(|length| **length > 0).for_each(|length| *length /= shrink);
            self.element = element;
        }
        self
    }
}

/// Packed elements as doubles; exact for every element type.
pub fn decode(element: Element, bytes: &[u8]) -> Vec<f64> {
    match element {
        Element::F64 => bytes.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
        Element::F32 => bytes.as_chunks::<4>().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect(),
        Element::F16 | Element::Bf16 | Element::I8 => {
            let mut singles = vec![0.0; bytes.len() / element.size()];
            convert(element, bytes, &mut singles);
            singles.into_iter().map(f64::from).collect()
        }
    }
}

/// Narrows computed singles to half precision, rounding to nearest even.
pub(crate) fn narrow(element: Element, singles: &[u8]) -> Vec<u8> {
    let values = singles.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b));
    match element {
        Element::F16 => values.flat_map(|v| half::f16::from_f32(v).to_le_bytes()).collect(),
        Element::Bf16 => values.flat_map(|v| half::bf16::from_f32(v).to_le_bytes()).collect(),
        Element::F32 | Element::F64 | Element::I8 => singles.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrow_elements_are_converted_exactly_and_back() {
        for element in [Element::F16, Element::Bf16] {
            let bytes: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
            let singles = to_singles(element, &bytes).unwrap();
            for (bits, value) in (0..=u16::MAX).zip(&singles) {
                let expected = match element {
                    Element::F16 => half::f16::from_bits(bits).to_f32(),
                    _ => half::bf16::from_bits(bits).to_f32(),
                };
                assert!(expected.to_bits() == value.to_bits() || expected.is_nan() && value.is_nan());
            }
            let numbers: Vec<f32> = singles.into_iter().filter(|v| !v.is_nan()).collect();
            let back = narrow(element, bytemuck::cast_slice(&numbers));
            assert_eq!(to_singles(element, &back), Ok(numbers));
        }
        assert_eq!(to_singles(Element::I8, &[0, 127, 128, 255]), Ok(vec![0.0, 127.0, -128.0, -1.0]));
    }

    #[test]
    fn rows_nulls_and_empty_vectors() {
        let values = [1.0f32, 2.0, 3.0];
        let bytes: &[u8] = bytemuck::cast_slice(&values);
        let v = Vectors::packed("v", Element::F32, bytes, &[4, -1, 0, 8]).unwrap();
        let dims: Vec<_> = (0..4).map(|i| v.dimensions(i)).collect();
        assert_eq!(dims, [Some(1), None, Some(0), Some(2)]);
        let err = Vectors::packed("v", Element::F32, bytes, &[4, 7]).unwrap_err();
        assert_eq!(
            err.to_string(),
            "column v, row 2: 7 bytes are not a whole number of f32 elements (4 bytes each)"
        );
        assert!(Vectors::packed("v", Element::F32, bytes, &[4, 12]).is_err());
        assert!(Vectors::packed("v", Element::F32, bytes, &[8, 8]).is_err());
        let json = b"[1, 2][3,4]";
        let v = Vectors::from_json("v", Element::F64, json, &[6, 5]).unwrap();
        assert_eq!(v.bytes(), bytemuck::cast_slice::<f64, u8>(&[1.0, 2.0, 3.0, 4.0]));
        assert!(Vectors::from_json("v", Element::I8, json, &[6, 5]).is_err());
    }
}
