//! Exact search over rows of narrow elements, converted a few at a time, so no converted copy of all rows is needed.

use crate::column::vectors::{Vectors, convert};
use crate::error::Error;
use crate::memory::{check_memory, default_memory_limit};
use crate::number::element::Element;
use crate::pairwise::compute::Compute;
use crate::pairwise::lane_major::Packed;
use crate::parallel;
use crate::vector::distance::Metric;
use crate::vector::nearest_rows::{Best, CANDIDATES, Scan, candidates_bytes, check_k, merged, packed};
use crate::vector::top_k::{Hit, TopK, check_count};

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
        if let Some(ids) = self.ids {
            check_count(ids, count)?;
        }
        check_k(self.k)?;
        check_memory(
            CANDIDATES,
            candidates_bytes(count, rows.len(), queries, self.k),
            default_memory_limit(),
        )?;
        let compute = self.compute.map_or_else(Compute::new, Ok)?;
        let id = |row: usize| self.ids.map_or(row as i64, |ids| ids[row]);
        let queries_packed = packed(queries)?;
        let copied = Packed::default();
        let copied = (self.metric != Metric::Euclidean).then_some(&copied);
        let step = (CONVERTED / (4 * dimensions)).max(1);
        let best = parallel::fold(
            count,
            rows.len(),
            || queries_packed.iter().map(|_| Best::new(self.k)).collect::<Vec<_>>(),
            |best, range| {
                let mut singles = vec![0.0; step.min(range.len()) * dimensions];
                for first in range.clone().step_by(step) {
                    let end = (first + step).min(range.end);
                    let singles = &mut singles[..(end - first) * dimensions];
                    convert(element, &rows[first * row..end * row], singles);
                    let block = bytemuck::cast_slice(singles);
                    let block = Vectors::packed_matrix("rows", Element::F32, block, dimensions)?;
                    compute.level.run(Scan {
                        rows: &block,
                        first,
                        key: &|row| Some(id(row)),
                        queries: &queries_packed,
                        copied,
                        query_name: queries.name(),
                        metric: self.metric,
                        accumulate: compute.accumulate,
                        list: None,
                        range: 0..end - first,
                        best: &mut *best,
                    })?;
                }
                Ok(())
            },
            merged,
        )?;
        Ok(best.into_iter().map(|list| self.hits(list.into_sorted())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::pack;

    #[test]
    fn narrow_rows_are_found_as_their_singles_are() {
        let singles: Vec<f32> = (0..3000 * 70).map(|i| ((i * 37 % 101) as f32 - 50.0) / 8.0).collect();
        let ids: Vec<i64> = (0..3000).rev().collect();
        let matrix = Vectors::matrix(&singles, 70).unwrap();
        let queries = Vectors::matrix(&singles[..140], 70).unwrap();
        for metric in [Metric::Cosine, Metric::Euclidean, Metric::Dot] {
            let search = TopK::new(9).metric(metric).ids(&ids);
            let expected = search.search(&matrix, &queries).unwrap();
            for element in [Element::F16, Element::Bf16, Element::F32] {
                let rows = pack(element, &singles);
                assert_eq!(
                    search.search_packed(element, &rows, 70, &queries).unwrap(),
                    expected,
                    "{metric:?}"
                );
            }
        }
        let search = TopK::new(1);
        assert!(search.search_packed(Element::F16, &[0; 3], 1, &queries).is_err());
        assert!(search.search_packed(Element::F16, &[0; 4], 2, &queries).is_err(), "other dimensions");
        assert!(search.ids(&ids).search_packed(Element::F16, &[0; 140], 70, &queries).is_err());
        assert_eq!(search.search_packed(Element::F16, &[], 70, &queries).unwrap(), [vec![], vec![]]);
    }
}
