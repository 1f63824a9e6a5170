//! Constants and numbers of typed calls, checked as the registry checks the parameters of the same name.

use hart_kernels::registry::ParamKind;
use hart_kernels::{Error, Metric};

use crate::failure::Failure;

/// The metric of a constant `HART_METRIC_…`: its place among the names.
#[inline]
pub(crate) fn metric(value: i32) -> Result<Metric, Failure> {
    let name = usize::try_from(value).ok().and_then(|n| Metric::NAMES.get(n));
    name.and_then(|name| Metric::parse(name)).ok_or_else(|| Failure::Constant {
        name: "metric",
        value: value.into(),
        expected: format!("0 to {} for {}", Metric::NAMES.len() - 1, Metric::NAMES.join(", ")),
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
