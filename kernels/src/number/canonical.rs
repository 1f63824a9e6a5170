//! One NaN for all processors.

/// Replaces every NaN by the canonical one: processors differ in the sign and payload of the NaNs they produce.
///
/// # Examples
///
/// ```
/// let mut values = [1.0, -f32::NAN];
/// hart_kernels::vector::batch::canonical(&mut values);
/// assert_eq!(values[1].to_bits(), f32::NAN.to_bits());
/// ```
#[inline]
pub fn canonical(values: &mut [f32]) {
    // Bitwise, as in `canonical_number`. A read-only scan comes first, because almost no vector has a NaN.
    let is_nan = |v: &f32| v.to_bits() & i32::MAX as u32 > f32::INFINITY.to_bits();
    if values.iter().fold(false, |any, v| any | is_nan(v)) {
        values.iter_mut().filter(|v| is_nan(v)).for_each(|v| *v = f32::NAN);
    }
}

/// A number, or the canonical NaN.
///
/// # Examples
///
/// ```
/// use hart_kernels::vector::batch::canonical_number;
/// assert_eq!(canonical_number(-f64::NAN).to_bits(), f64::NAN.to_bits());
/// assert_eq!(canonical_number(-0.0).to_bits(), (-0.0f64).to_bits());
/// ```
#[inline]
pub fn canonical_number(value: f64) -> f64 {
    // Bitwise: for `if value.is_nan() { f64::NAN } else { value }` the compiler may keep `value`, because it treats all
    // NaNs that an operation may return as equal.
    let bits = value.to_bits();
    let is_nan = bits & i64::MAX as u64 > f64::INFINITY.to_bits();
    f64::from_bits(if is_nan { f64::NAN.to_bits() } else { bits })
}
