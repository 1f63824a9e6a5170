//! The order of importance, shared by two kernels.

use crate::contract::Call;
use crate::contract::shared::ID;
use crate::error::Error;

/// Rows by descending importance; equal ones by smaller id, NULL ids last, and then by position.
pub(crate) fn most_important_first(importance: &[f64], ids: &[Option<i64>]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..importance.len()).collect();
    let key = |row: usize| (ids[row].is_none(), ids[row], row);
    // No importance is NaN; −0 and 0 are equal.
    order.sort_unstable_by(|x, y| {
        let by_importance = importance[*y].partial_cmp(&importance[*x]);
        by_importance.unwrap_or(std::cmp::Ordering::Equal).then_with(|| key(*x).cmp(&key(*y)))
    });
    order
}

/// The ids of a call, which must be integers, because they break ties.
pub(crate) fn ids<'a>(call: &'a Call<'_>) -> Result<&'a [Option<i64>], Error> {
    call.keys().ok_or_else(|| Error::ColumnType {
        place: ID.name.into(),
        found: "no integer".into(),
        expected: "an integer type, because equal importances are ordered by id".into(),
    })
}
