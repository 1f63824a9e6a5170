//! Columns of packed vectors at any alignment.

use hart_kernels::{Element, Error, Vectors};

/// A column of packed vectors whose first byte lies `offset` bytes after a multiple of 8.
pub(crate) struct Column {
    pub(crate) element: Element,
    storage: Vec<u8>,
    start: usize,
    lengths: Vec<i32>,
}

impl Column {
    /// Packs the rows, each number rounded to the element type; `None` is NULL.
    pub(crate) fn new(element: Element, rows: &[Option<Vec<f64>>], offset: usize) -> Column {
        let packed: Vec<_> = rows.iter().map(|row| row.as_ref().map(|row| pack(element, row))).collect();
        let lengths = packed.iter().map(|row| row.as_ref().map_or(-1, |row| row.len() as i32)).collect();
        let bytes: Vec<u8> = packed.into_iter().flatten().flatten().collect();
        Column::from_bytes(element, &bytes, lengths, offset)
    }

    /// Equally long rows of singles, rounded to the element type.
    pub(crate) fn of_singles(element: Element, rows: &[Vec<f32>], offset: usize) -> Column {
        let rows: Vec<_> = rows.iter().map(|row| Some(row.iter().map(|v| f64::from(*v)).collect())).collect();
        Column::new(element, &rows, offset)
    }

    /// A column of bytes as they are.
    pub(crate) fn from_bytes(element: Element, bytes: &[u8], lengths: Vec<i32>, offset: usize) -> Column {
        let mut storage = vec![0xA5u8; bytes.len() + 16];
        let start = (8 - storage.as_ptr() as usize % 8) % 8 + offset % 8;
        storage[start..start + bytes.len()].copy_from_slice(bytes);
        storage.truncate(start + bytes.len());
        let column = Column { element, storage, start, lengths };
        assert_eq!(column.bytes().as_ptr() as usize % 8, offset % 8);
        column
    }

    /// The packed bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.storage[self.start..]
    }

    /// The column as kernels take it.
    pub(crate) fn vectors(&self, name: &str) -> Vectors<'_> {
        self.try_vectors(name).expect("whole elements")
    }

    /// The same where the bytes may be wrong.
    pub(crate) fn try_vectors(&self, name: &str) -> Result<Vectors<'_>, Error> {
        Vectors::packed(name, self.element, self.bytes(), &self.lengths)
    }

    /// The exact numbers of row `i`, `None` where it is NULL.
    pub(crate) fn row(&self, i: usize) -> Option<Vec<f64>> {
        let length = usize::try_from(self.lengths[i]).ok()?;
        let start: usize = self.lengths[..i].iter().map(|l| (*l).max(0) as usize).sum();
        Some(unpack(self.element, &self.bytes()[start..start + length]))
    }
}

/// Numbers rounded to packed elements; whole numbers from −128 to 127 for bytes.
pub(crate) fn pack(element: Element, values: &[f64]) -> Vec<u8> {
    match element {
        Element::F64 => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Element::F32 => values.iter().flat_map(|v| (*v as f32).to_le_bytes()).collect(),
        Element::F16 => values.iter().flat_map(|v| half::f16::from_f64(*v).to_le_bytes()).collect(),
        Element::Bf16 => values.iter().flat_map(|v| half::bf16::from_f64(*v).to_le_bytes()).collect(),
        Element::I8 => values.iter().map(|v| v.round_ties_even() as i8 as u8).collect(),
    }
}

/// Packed elements as doubles, independent of the library's own conversion.
pub(crate) fn unpack(element: Element, bytes: &[u8]) -> Vec<f64> {
    match element {
        Element::F64 => bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
        Element::F32 => bytes.as_chunks().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect(),
        Element::F16 => bytes.as_chunks().0.iter().map(|b| half::f16::from_le_bytes(*b).to_f64()).collect(),
        Element::Bf16 => bytes.as_chunks().0.iter().map(|b| half::bf16::from_le_bytes(*b).to_f64()).collect(),
        Element::I8 => bytes.iter().map(|b| f64::from(*b as i8)).collect(),
    }
}
