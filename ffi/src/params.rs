//! Constants and numbers of typed calls, with the same checks as the registry's parameters of that name.

use hart_kernels::registry::ParamKind;
use hart_kernels::{Error, Metric};

use crate::failure::Failure;

/// The metric of a `HART_METRIC_…` constant.
#[inline]
pub(crate) fn metric(value: i32) -> Result<Metric, Failure> {
    Metric::ALL.iter().copied().find(|metric| metric.code() == value).ok_or_else(|| Failure::Constant {
        name: "metric",
        value: value.into(),
        expected: format!("HART_METRIC_… for {}", Metric::NAMES.join(", ")),
    })
}

/// A number within bounds, both included.
#[inline]
pub(crate) fn number(name: &str, value: f64, min: f64, max: f64) -> Result<f64, Failure> {
    if (min..=max).contains(&value) {
        return Ok(value);
    }
    let (value, expected) = (value.to_string(), ParamKind::Float { min, max }.describe());
    Err(Error::ParameterValue { name: name.into(), value, expected }.into())
}
