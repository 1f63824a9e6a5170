//! Exact search over rows of narrow elements, converted a few at a time, so no converted copy of all rows is needed.

use crate::column::vectors::{Vectors, convert};
use crate::error::{Error, Place};
use crate::memory::{check_memory, default_memory_limit};
use crate::number::element::Element;
use crate::pairwise::compute::Compute;
use crate::pairwise::lane_major::Packed;
use crate::parallel;
use crate::vector::codes::search::Source;
use crate::vector::codes::{self, Codes};
use crate::vector::nearest_rows::{
    Best, CANDIDATES, Candidate, Scan, candidates_bytes, check_k, check_width, merged, packed,
};
use crate::vector::top_k::{Hit, TopK};

/// Bytes of converted rows per worker: as much as a core's own cache holds.
const CONVERTED: usize = 1 << 18;

impl TopK<'_> {
    /// [`TopK::search`] over rows of packed elements, back to back, `dimensions` each. Halves and bytes are converted,
    /// exactly, a few rows at a time, so the hits match those of the rows as singles bit for bit, without a converted
    /// copy of all rows.
    ///
    /// # Errors
    ///
    /// As [`TopK::search`] and [`Vectors::packed_matrix`].
    ///
    /// # Examples
    ///
    /// ```
    /// use hart_kernels::{Element, Metric, TopK, Vectors, text};
    /// let rows = text::pack(Element::F16, &[0.0, 0.0, 3.0, 4.0]);
    /// let query = Vectors::matrix(&[3.0, 4.0], 2)?;
    /// let hits = TopK::new(1).metric(Metric::Euclidean).search_packed(Element::F16, &rows, 2, &query)?;
    /// assert_eq!((hits[0][0].row, hits[0][0].distance), (1, 0.0));
    /// # Ok::<(), hart_kernels::Error>(())
    /// ```
    pub fn search_packed(
        &self,
        element: Element,
        rows: &[u8],
        dimensions: usize,
        queries: &Vectors<'_>,
    ) -> Result<Vec<Vec<Hit>>, Error> {
        // For narrow elements this checks the shape only.
        let shape = if matches!(element, Element::F32 | Element::F64) { rows } else { &[] };
        let whole = Vectors::packed_matrix("rows", element, shape, dimensions)?;
        if !shape.is_empty() {
            return self.search(&whole, queries);
        }
        let row = dimensions * element.size();
        if !rows.len().is_multiple_of(row) {
            return Err(Error::ParameterValue {
                name: "rows".into(),
                value: format!("{} bytes", rows.len()),
                expected: format!("a multiple of {dimensions} {} elements", element.name()),
            });
        }
        let count = rows.len() / row;
        self.check_counts(count)?;
        check_k(self.k)?;
        check_width(&whole, queries)?;
        check_memory(
            CANDIDATES,
            candidates_bytes(count, rows.len(), queries, self.k),
            default_memory_limit(),
        )?;
        let compute = self.compute.unwrap_or_default();
        let packed = PackedRows { search: self, compute, element, rows, dimensions };
        let found = match self.codes {
            Some(codes) => packed.search_codes(codes, queries)?,
            None => packed.search(queries)?,
        };
        Ok(found.into_iter().map(|list| self.hits(list)).collect())
    }
}

/// Rows of narrow elements, back to back.
struct PackedRows<'a> {
    search: &'a TopK<'a>,
    compute: Compute,
    element: Element,
    rows: &'a [u8],
    dimensions: usize,
}

impl PackedRows<'_> {
    fn id(&self, row: usize) -> Option<i64> {
        Some(self.search.ids.map_or(row as i64, |ids| ids[row]))
    }

    /// Bytes of a row.
    fn row(&self) -> usize {
        self.dimensions * self.element.size()
    }

    /// Calls the function with rows as singles, given their bytes one after the other.
    fn converted(
        &self,
        bytes: &[u8],
        singles: &mut [f32],
        work: &mut dyn FnMut(&Vectors<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        convert(self.element, bytes, singles);
        let bytes = bytemuck::cast_slice(singles);
        work(&Vectors::packed_matrix("rows", Element::F32, bytes, self.dimensions)?)
    }

    fn search(&self, queries: &Vectors<'_>) -> Result<Vec<Vec<Candidate>>, Error> {
        let (search, row, compute) = (self.search, self.row(), self.compute);
        let queries_packed = packed(queries)?;
        let copied = Packed::default();
        let copied = (!search.metric.of_differences()).then_some(&copied);
        let step = (CONVERTED / (4 * self.dimensions)).max(1);
        let best = parallel::fold(
            self.rows.len() / row,
            self.rows.len(),
            || queries_packed.iter().map(|_| Best::of(search.wanted())).collect::<Vec<_>>(),
            |best, range| {
                let mut singles = vec![0.0; step.min(range.len()) * self.dimensions];
                for first in range.clone().step_by(step) {
                    let end = (first + step).min(range.end);
                    let singles = &mut singles[..(end - first) * self.dimensions];
                    self.converted(&self.rows[first * row..end * row], singles, &mut |block| {
                        compute.level.run(Scan {
                            rows: block,
                            first,
                            key: &|row| self.id(row),
                            queries: &queries_packed,
                            copied,
                            query: queries.place(),
                            metric: search.metric,
                            accumulate: compute.accumulate,
                            list: None,
                            left_out: search.left_out,
                            range: 0..end - first,
                            best: &mut *best,
                        })
                    })?;
                }
                Ok(())
            },
            merged,
        )?;
        Ok(best.into_iter().map(Best::into_sorted).collect())
    }

    fn search_codes(&self, codes: &Codes, queries: &Vectors<'_>) -> Result<Vec<Vec<Candidate>>, Error> {
        let row = self.row();
        let source = Source {
            rows: self.rows.len() / row,
            bytes: self.rows.len(),
            element: self.element,
            place: &Place::Column("rows".into()),
            gather: &|list, work| {
                let bytes: Vec<u8> =
                    list.iter().flat_map(|i| &self.rows[i * row..(i + 1) * row]).copied().collect();
                self.converted(&bytes, &mut vec![0.0; list.len() * self.dimensions], work)
            },
            plain: &|queries| self.search(queries),
        };
        let (search, key) = (self.search, &|row: usize| self.id(row));
        codes::search::search(self.compute, &source, codes, key, queries, search.wanted(), search.metric)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::pack;
    use crate::vector::distance::Metric;

    #[test]
    fn narrow_rows_are_found_as_their_singles_are() {
        let singles: Vec<f32> = (0..3000 * 70).map(|i| ((i * 37 % 101) as f32 - 50.0) / 8.0).collect();
        let ids: Vec<i64> = (0..3000).rev().collect();
        let matrix = Vectors::matrix(&singles, 70).unwrap();
        let queries = Vectors::matrix(&singles[..140], 70).unwrap();
        for metric in [Metric::Cosine, Metric::Euclidean, Metric::Dot, Metric::Manhattan] {
            let search = TopK::new(9).metric(metric).ids(&ids);
            let expected = search.search(&matrix, &queries).unwrap();
            for element in [Element::F16, Element::Bf16, Element::F32] {
                let rows = pack(element, &singles);
                let found = search.search_packed(element, &rows, 70, &queries).unwrap();
                assert_eq!(found, expected, "{metric:?}");
                let column = Vectors::packed_matrix("v", element, &rows, 70).unwrap();
                let codes = crate::vector::quantize(&column).unwrap();
                let found = search.codes(&codes).search_packed(element, &rows, 70, &queries).unwrap();
                assert_eq!(found, expected, "{metric:?} over codes");
            }
        }
        let search = TopK::new(1);
        assert!(search.search_packed(Element::F16, &[0; 3], 1, &queries).is_err());
        assert!(search.search_packed(Element::F16, &[0; 4], 2, &queries).is_err(), "other dimensions");
        assert!(search.ids(&ids).search_packed(Element::F16, &[0; 140], 70, &queries).is_err());
        assert_eq!(search.search_packed(Element::F16, &[], 70, &queries).unwrap(), [vec![], vec![]]);
    }
}
