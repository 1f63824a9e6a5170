//! An exponential with the same bits everywhere.

/// exp(x) for x ≤ 0 with the same bits everywhere: only additions, multiplications and integer steps, none fused.
///
/// The constants are those of [`softmax`]'s definition: x = k·ln 2 + r with |r| ≤ ln 2 / 2; exp(r) by its Taylor
/// polynomial of degree 13 (remainder below 2⁻⁵⁷). Below −708, shortly before the result becomes subnormal, it is 0.
#[inline(always)]
pub(crate) fn exp(x: f64) -> f64 {
    const LOG2_E: f64 = std::f64::consts::LOG2_E;
    // ln 2 in two parts: the product of the first part and any k in range is exact.
    const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    // Adding 1.5·2⁵² rounds to an integer and leaves it in the low bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let vanishes = x < -708.0;
    let x = if vanishes { -708.0 } else { x };
    let shifted = x * LOG2_E + ROUND;
    let k = shifted - ROUND;
    let r = (x - k * LN2_HIGH) - k * LN2_LOW;
    let mut p = 1.0 / 6_227_020_800.0;
    for c in [
        479_001_600.0,
        39_916_800.0,
        3_628_800.0,
        362_880.0,
        40_320.0,
        5_040.0,
        720.0,
        120.0,
        24.0,
        6.0,
        2.0,
        1.0,
        1.0,
    ] {
        p = p * r + 1.0 / c;
    }
    let power = shifted.to_bits().wrapping_add(1023) << 52;
    if vanishes { 0.0 } else { p * f64::from_bits(power) }
}
