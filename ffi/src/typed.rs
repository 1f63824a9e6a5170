//! Typed functions of the vector kernels, on singles. Generated from the registry: `bash .ci/generate`.
#![allow(unsafe_code)]

use hart_kernels::vector::batch::canonical_number;
use hart_kernels::vector::{self, batch};

use crate::failure::guard;
use crate::{in_place, params, raw, state};

/// Sum of two vectors, component by component.
///
/// aᵢ + bᵢ
///
/// `a` and `b`: n singles. `out`: room for n singles. It may be an argument of the same shape, which the result then
/// replaces; memory that overlaps otherwise is refused.
/// Empty: Two empty vectors give an empty vector. NaN: NaN and infinities follow IEEE 754, component by component.
/// Accuracy: Correctly rounded.
///
/// # Safety
///
/// The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, during
/// the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_vector_add_f32(a: *const f32, b: *const f32, n: usize, out: *mut f32) -> i32 {
    guard(|| {
        let a = raw::input("a", a, n)?;
        let b = raw::input("b", b, n)?;
        let out = raw::output("out", out, n)?;
        let same = raw::apart_or_same(out.span(), [a.span(), b.span()])?;
        // SAFETY: the caller guarantees as many elements as it says, and that nobody writes what is read or
        // touches what is written during the call. The slices have been checked not to overlap; for an input that is the output none is made.
        let (inputs, out) = unsafe { ([a.slice_unless(same[0]), b.slice_unless(same[1])], out.slice()) };
        in_place::run(same, inputs, n, out, |[a, b], out| batch::add(a, b, n, out))
    })
}

/// Sum of two vectors, component by component.
///
/// aᵢ + bᵢ
///
/// `a` and `b`: `a_rows` and `b_rows` rows of n singles, row-major, either as many as there are results or one for all.
/// `out`: room for rows · n singles. It may be an argument of the same shape, which the result then replaces; memory that
/// overlaps otherwise is refused. Large matrices are shared among the library's threads.
/// Empty: Two empty vectors give an empty vector. NaN: NaN and infinities follow IEEE 754, component by component.
/// Accuracy: Correctly rounded.
///
/// # Safety
///
/// The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, during
/// the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_vector_add_f32_batch(
    a: *const f32,
    a_rows: usize,
    b: *const f32,
    b_rows: usize,
    n: usize,
    out: *mut f32,
    rows: usize,
) -> i32 {
    guard(|| {
        let a = raw::matrix("a", a, a_rows, n)?;
        let b = raw::matrix("b", b, b_rows, n)?;
        let out = raw::matrix_out("out", out, rows, n)?;
        let same = raw::apart_or_same(out.span(), [a.span(), b.span()])?;
        // SAFETY: the caller guarantees as many elements as it says, and that nobody writes what is read or
        // touches what is written during the call. The slices have been checked not to overlap; for an input that is the output none is made.
        let (inputs, out) = unsafe { ([a.slice_unless(same[0]), b.slice_unless(same[1])], out.slice()) };
        state::run(|| in_place::run(same, inputs, n, out, |[a, b], out| batch::add(a, b, n, out)))
    })
}

/// Position of a vector's greatest component.
///
/// Index from 0; of equal components the first.
///
/// `v`: n singles. `result`: the number.
/// −1 stands for NULL: no index.
/// Empty: The empty vector gives NULL. NaN: NaN is never the greatest; a vector of nothing but NaN gives NULL.
/// Accuracy: Exact. −0 and 0 are equal.
///
/// # Safety
///
/// The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, during
/// the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_vector_arg_max_f32(v: *const f32, n: usize, result: *mut i64) -> i32 {
    guard(|| {
        let v = raw::input("v", v, n)?;
        let result = raw::output("result", result, 1)?;
        raw::apart(&[result.span()], &[v.span()])?;
        // SAFETY: the caller guarantees as many elements as it says, and that nobody writes what is read or
        // touches what is written during the call. The slices have been checked not to overlap.
        let (v, result) = unsafe { (v.slice(), result.slice()) };
        batch::arg_max(v, n, result)?;
        Ok(())
    })
}

/// Position of a vector's greatest component.
///
/// Index from 0; of equal components the first.
///
/// `v`: `v_rows` rows of n singles, row-major, either as many as there are results or one for all. `out`: room for rows
/// numbers. Large matrices are shared among the library's threads.
/// −1 stands for NULL: no index.
/// Empty: The empty vector gives NULL. NaN: NaN is never the greatest; a vector of nothing but NaN gives NULL.
/// Accuracy: Exact. −0 and 0 are equal.
///
/// # Safety
///
/// The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, during
/// the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_vector_arg_max_f32_batch(
    v: *const f32,
    v_rows: usize,
    n: usize,
    out: *mut i64,
    rows: usize,
) -> i32 {
    guard(|| {
        let v = raw::matrix("v", v, v_rows, n)?;
        let out = raw::output("out", out, rows)?;
        raw::apart(&[out.span()], &[v.span()])?;
        // SAFETY: the caller guarantees as many elements as it says, and that nobody writes what is read or
        // touches what is written during the call. The slices have been checked not to overlap.
        let (v, out) = unsafe { (v.slice(), out.slice()) };
        state::run(|| batch::arg_max(v, n, out))?;
        Ok(())
    })
}

/// Cosine of the angle between two vectors.
///
/// Σ aᵢ·bᵢ / √(Σ aᵢ² · Σ bᵢ²), clamped to [−1, 1]. A vector has similarity 1 with itself, exactly; a zero vector has
/// similarity 0 with everything finite.
///
/// `a` and `b`: n singles. `result`: the number.
/// Empty: Two empty vectors give 0. NaN: NaN and infinities follow IEEE 754.
/// Accuracy: |error| ≤ 3γ(⌈n/32⌉) with u = 2⁻²⁴, however small or great the components are. Same bits on every instruction
/// set, thread count and batch shape.
///
/// # Safety
///
/// The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, during
/// the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_vector_cosine_similarity_f32(
    a: *const f32,
    b: *const f32,
    n: usize,
    result: *mut f64,
) -> i32 {
    guard(|| {
        let a = raw::input("a", a, n)?;
        let b = raw::input("b", b, n)?;
        let result = raw::output("result", result, 1)?;
        raw::apart(&[result.span()], &[a.span(), b.span()])?;
        // SAFETY: the caller guarantees as many elements as it says, and that nobody writes what is read or
        // touches what is written during the call. The slices have been checked not to overlap.
        let (a, b, result) = unsafe { (a.slice(), b.slice(), result.slice()) };
        result[0] = canonical_number(vector::cosine_similarity(a, b)?);
        Ok(())
    })
}

/// Cosine of the angle between two vectors.
///
/// Σ aᵢ·bᵢ / √(Σ aᵢ² · Σ bᵢ²), clamped to [−1, 1]. A vector has similarity 1 with itself, exactly; a zero vector has
/// similarity 0 with everything finite.
///
/// `a` and `b`: `a_rows` and `b_rows` rows of n singles, row-major, either as many as there are results or one for all.
/// `out`: room for rows numbers. Large matrices are shared among the library's threads.
/// Empty: Two empty vectors give 0. NaN: NaN and infinities follow IEEE 754.
/// Accuracy: |error| ≤ 3γ(⌈n/32⌉) with u = 2⁻²⁴, however small or great the components are. Same bits on every instruction
/// set, thread count and batch shape.
///
/// # Safety
///
/// The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, during
/// the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_vector_cosine_similarity_f32_batch(
    a: *const f32,
    a_rows: usize,
    b: *const f32,
    b_rows: usize,
    n: usize,
    out: *mut f64,
    rows: usize,
) -> i32 {
    guard(|| {
        let a = raw::matrix("a", a, a_rows, n)?;
        let b = raw::matrix("b", b, b_rows, n)?;
        let out = raw::output("out", out, rows)?;
        raw::apart(&[out.span()], &[a.span(), b.span()])?;
        // SAFETY: the caller guarantees as many elements as it says, and that nobody writes what is read or
        // touches what is written during the call. The slices have been checked not to overlap.
        let (a, b, out) = unsafe { (a.slice(), b.slice(), out.slice()) };
        state::run(|| batch::cosine_similarity(a, b, n, out))?;
        Ok(())
    })
}

/// Distance of two vectors in a chosen metric.
///
/// cosine = 1 − cosine similarity, in [0, 2]; euclidean = √(Σ (aᵢ − bᵢ)²); dot = −Σ aᵢ·bᵢ; manhattan = Σ |aᵢ − bᵢ|. The
/// smaller, the more alike. A zero vector has cosine distance 1 from everything finite.
///
/// `a` and `b`: n singles. `result`: the number.
/// `metric`: `HART_METRIC_…`.
/// Empty: Two empty vectors have cosine distance 1, euclidean, dot and manhattan distance 0. NaN: NaN and infinities follow
/// IEEE 754.
/// Accuracy: cosine as vector_cosine_similarity, and 2⁻⁵³ more for 1 − x; the others as vector_euclidean_distance,
/// vector_dot_product and vector_manhattan_distance. Same bits on every instruction set, thread count and batch shape.
///
/// # Safety
///
/// The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, during
/// the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_vector_distance_f32(
    metric: i32,
    a: *const f32,
    b: *const f32,
    n: usize,
    result: *mut f64,
) -> i32 {
    guard(|| {
        let a = raw::input("a", a, n)?;
        let b = raw::input("b", b, n)?;
        let result = raw::output("result", result, 1)?;
        raw::apart(&[result.span()], &[a.span(), b.span()])?;
        let metric = params::metric(metric)?;
        // SAFETY: the caller guarantees as many elements as it says, and that nobody writes what is read or
        // touches what is written during the call. The slices have been checked not to overlap.
        let (a, b, result) = unsafe { (a.slice(), b.slice(), result.slice()) };
        result[0] = canonical_number(vector::distance(metric, a, b)?);
        Ok(())
    })
}

/// Distance of two vectors in a chosen metric.
///
/// cosine = 1 − cosine similarity, in [0, 2]; euclidean = √(Σ (aᵢ − bᵢ)²); dot = −Σ aᵢ·bᵢ; manhattan = Σ |aᵢ − bᵢ|. The
/// smaller, the more alike. A zero vector has cosine distance 1 from everything finite.
///
/// `a` and `b`: `a_rows` and `b_rows` rows of n singles, row-major, either as many as there are results or one for all.
/// `out`: room for rows numbers. Large matrices are shared among the library's threads.
/// `metric`: `HART_METRIC_…`.
/// Empty: Two empty vectors have cosine distance 1, euclidean, dot and manhattan distance 0. NaN: NaN and infinities follow
/// IEEE 754.
/// Accuracy: cosine as vector_cosine_similarity, and 2⁻⁵³ more for 1 − x; the others as vector_euclidean_distance,
/// vector_dot_product and vector_manhattan_distance. Same bits on every instruction set, thread count and batch shape.
///
/// # Safety
///
/// The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, during
/// the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_vector_distance_f32_batch(
    metric: i32,
    a: *const f32,
    a_rows: usize,
    b: *const f32,
    b_rows: usize,
    n: usize,
    out: *mut f64,
    rows: usize,
) -> i32 {
    guard(|| {
        let a = raw::matrix("a", a, a_rows, n)?;
        let b = raw::matrix("b", b, b_rows, n)?;
        let out = raw::output("out", out, rows)?;
        raw::apart(&[out.span()], &[a.span(), b.span()])?;
        let metric = params::metric(metric)?;
        // SAFETY: the caller guarantees as many elements as it says, and that nobody writes what is read or
        // touches what is written during the call. The slices have been checked not to overlap.
        let (a, b, out) = unsafe { (a.slice(), b.slice(), out.slice()) };
        state::run(|| batch::distance(metric, a, b, n, out))?;
        Ok(())
    })
}

/// Inner product of two vectors.
///
/// Σ aᵢ·bᵢ, positive for vectors that point alike.
///
/// `a` and `b`: n singles. `result`: the number.
/// Empty: Two empty vectors give 0. NaN: NaN and infinities follow IEEE 754.
/// Accuracy: |error| ≤ γ(⌈n/32⌉)·Σ|aᵢ·bᵢ| with u = 2⁻²⁴; a subnormal result is off by up to 2⁻¹⁰⁷⁵ more. It is infinite only
/// where it is beyond the doubles, which it never is of finite f32 vectors. Same bits on every instruction set, thread count
/// and batch shape.
///
/// # Safety
///
/// The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, during
/// the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_vector_dot_product_f32(
    a: *const f32,
    b: *const f32,
    n: usize,
    result: *mut f64,
) -> i32 {
    guard(|| {
        let a = raw::input("a", a, n)?;
        let b = raw::input("b", b, n)?;
        let result = raw::output("result", result, 1)?;
        raw::apart(&[result.span()], &[a.span(), b.span()])?;
        // SAFETY: the caller guarantees as many elements as it says, and that nobody writes what is read or
        // touches what is written during the call. The slices have been checked not to overlap.
        let (a, b, result) = unsafe { (a.slice(), b.slice(), result.slice()) };
        result[0] = canonical_number(vector::dot_product(a, b)?);
        Ok(())
    })
}

/// Inner product of two vectors.
///
/// Σ aᵢ·bᵢ, positive for vectors that point alike.
///
/// `a` and `b`: `a_rows` and `b_rows` rows of n singles, row-major, either as many as there are results or one for all.
/// `out`: room for rows numbers. Large matrices are shared among the library's threads.
/// Empty: Two empty vectors give 0. NaN: NaN and infinities follow IEEE 754.
/// Accuracy: |error| ≤ γ(⌈n/32⌉)·Σ|aᵢ·bᵢ| with u = 2⁻²⁴; a subnormal result is off by up to 2⁻¹⁰⁷⁵ more. It is infinite only
/// where it is beyond the doubles, which it never is of finite f32 vectors. Same bits on every instruction set, thread count
/// and batch shape.
///
/// # Safety
///
/// The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, during
/// the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_vector_dot_product_f32_batch(
    a: *const f32,
    a_rows: usize,
    b: *const f32,
    b_rows: usize,
    n: usize,
    out: *mut f64,
    rows: usize,
) -> i32 {
    guard(|| {
        let a = raw::matrix("a", a, a_rows, n)?;
        let b = raw::matrix("b", b, b_rows, n)?;
        let out = raw::output("out", out, rows)?;
        raw::apart(&[out.span()], &[a.span(), b.span()])?;
        // SAFETY: the caller guarantees as many elements as it says, and that nobody writes what is read or
        // touches what is written during the call. The slices have been checked not to overlap.
        let (a, b, out) = unsafe { (a.slice(), b.slice(), out.slice()) };
        state::run(|| batch::dot_product(a, b, n, out))?;
        Ok(())
    })
}

/// Euclidean distance of two vectors.
///
/// √(Σ (aᵢ − bᵢ)²), not squared.
///
/// `a` and `b`: n singles. `result`: the number.
/// Empty: Two empty vectors give 0. NaN: NaN and infinities follow IEEE 754.
/// Accuracy: Relative error ≤ u + γ(⌈n/32⌉ + 2)/2 with u = 2⁻²⁴; a subnormal result is off by up to 2⁻¹⁰⁷⁵ more. It is
/// infinite only where it is beyond the doubles, which it never is of finite f32 vectors. Same bits on every instruction set,
/// thread count and batch shape.
///
/// # Safety
///
/// The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, during
/// the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_vector_euclidean_distance_f32(
    a: *const f32,
    b: *const f32,
    n: usize,
    result: *mut f64,
) -> i32 {
    guard(|| {
        let a = raw::input("a", a, n)?;
        let b = raw::input("b", b, n)?;
        let result = raw::output("result", result, 1)?;
        raw::apart(&[result.span()], &[a.span(), b.span()])?;
        // SAFETY: the caller guarantees as many elements as it says, and that nobody writes what is read or
        // touches what is written during the call. The slices have been checked not to overlap.
        let (a, b, result) = unsafe { (a.slice(), b.slice(), result.slice()) };
        result[0] = canonical_number(vector::euclidean_distance(a, b)?);
        Ok(())
    })
}

/// Euclidean distance of two vectors.
///
/// √(Σ (aᵢ − bᵢ)²), not squared.
///
/// `a` and `b`: `a_rows` and `b_rows` rows of n singles, row-major, either as many as there are results or one for all.
/// `out`: room for rows numbers. Large matrices are shared among the library's threads.
/// Empty: Two empty vectors give 0. NaN: NaN and infinities follow IEEE 754.
/// Accuracy: Relative error ≤ u + γ(⌈n/32⌉ + 2)/2 with u = 2⁻²⁴; a subnormal result is off by up to 2⁻¹⁰⁷⁵ more. It is
/// infinite only where it is beyond the doubles, which it never is of finite f32 vectors. Same bits on every instruction set,
/// thread count and batch shape.
///
/// # Safety
///
/// The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, during
/// the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_vector_euclidean_distance_f32_batch(
    a: *const f32,
    a_rows: usize,
    b: *const f32,
    b_rows: usize,
    n: usize,
    out: *mut f64,
    rows: usize,
) -> i32 {
    guard(|| {
        let a = raw::matrix("a", a, a_rows, n)?;
        let b = raw::matrix("b", b, b_rows, n)?;
        let out = raw::output("out", out, rows)?;
        raw::apart(&[out.span()], &[a.span(), b.span()])?;
        // SAFETY: the caller guarantees as many elements as it says, and that nobody writes what is read or
        // touches what is written during the call. The slices have been checked not to overlap.
        let (a, b, out) = unsafe { (a.slice(), b.slice(), out.slice()) };
        state::run(|| batch::euclidean_distance(a, b, n, out))?;
        Ok(())
    })
}

/// Linear interpolation between two vectors.
///
/// aᵢ·(1 − t) + bᵢ·t. t is not clamped: outside [0, 1] it extrapolates. It is rounded to f32 first; a component that
/// overflows by that, and every component where 0 < |t| < 2⁻¹²⁶, is computed in f64 from the t given.
///
/// `a` and `b`: n singles. `out`: room for n singles. It may be an argument of the same shape, which the result then
/// replaces; memory that overlaps otherwise is refused.
/// `t`: a finite number. 0 gives a, 1 gives b.
/// Empty: Two empty vectors give an empty vector. NaN: NaN and infinities follow IEEE 754, component by component.
/// Accuracy: 1 − t, both products and the sum are each rounded once; exact at t = 0 and t = 1. |error| ≤ 4u·(|aᵢ|·(1 + |t|) +
/// |bᵢ·t|) + 2⁻¹⁴⁹ with u = 2⁻²⁴, and for |t| ≤ 10²⁶⁹ infinite only where the result is.
///
/// # Safety
///
/// The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, during
/// the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_vector_lerp_f32(
    a: *const f32,
    b: *const f32,
    n: usize,
    t: f64,
    out: *mut f32,
) -> i32 {
    guard(|| {
        let a = raw::input("a", a, n)?;
        let b = raw::input("b", b, n)?;
        let out = raw::output("out", out, n)?;
        let same = raw::apart_or_same(out.span(), [a.span(), b.span()])?;
        let t = params::number("t", t, f64::MIN, f64::MAX)?;
        // SAFETY: the caller guarantees as many elements as it says, and that nobody writes what is read or
        // touches what is written during the call. The slices have been checked not to overlap; for an input that is the output none is made.
        let (inputs, out) = unsafe { ([a.slice_unless(same[0]), b.slice_unless(same[1])], out.slice()) };
        in_place::run(same, inputs, n, out, |[a, b], out| batch::lerp(a, b, t, n, out))
    })
}

/// Linear interpolation between two vectors.
///
/// aᵢ·(1 − t) + bᵢ·t. t is not clamped: outside [0, 1] it extrapolates. It is rounded to f32 first; a component that
/// overflows by that, and every component where 0 < |t| < 2⁻¹²⁶, is computed in f64 from the t given.
///
/// `a` and `b`: `a_rows` and `b_rows` rows of n singles, row-major, either as many as there are results or one for all.
/// `out`: room for rows · n singles. It may be an argument of the same shape, which the result then replaces; memory that
/// overlaps otherwise is refused. Large matrices are shared among the library's threads.
/// `t`: a finite number. 0 gives a, 1 gives b.
/// Empty: Two empty vectors give an empty vector. NaN: NaN and infinities follow IEEE 754, component by component.
/// Accuracy: 1 − t, both products and the sum are each rounded once; exact at t = 0 and t = 1. |error| ≤ 4u·(|aᵢ|·(1 + |t|) +
/// |bᵢ·t|) + 2⁻¹⁴⁹ with u = 2⁻²⁴, and for |t| ≤ 10²⁶⁹ infinite only where the result is.
///
/// # Safety
///
/// The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, during
/// the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_vector_lerp_f32_batch(
    a: *const f32,
    a_rows: usize,
    b: *const f32,
    b_rows: usize,
    n: usize,
    t: f64,
    out: *mut f32,
    rows: usize,
) -> i32 {
    guard(|| {
        let a = raw::matrix("a", a, a_rows, n)?;
        let b = raw::matrix("b", b, b_rows, n)?;
        let out = raw::matrix_out("out", out, rows, n)?;
        let same = raw::apart_or_same(out.span(), [a.span(), b.span()])?;
        let t = params::number("t", t, f64::MIN, f64::MAX)?;
        // SAFETY: the caller guarantees as many elements as it says, and that nobody writes what is read or
        // touches what is written during the call. The slices have been checked not to overlap; for an input that is the output none is made.
        let (inputs, out) = unsafe { ([a.slice_unless(same[0]), b.slice_unless(same[1])], out.slice()) };
        state::run(|| in_place::run(same, inputs, n, out, |[a, b], out| batch::lerp(a, b, t, n, out)))
    })
}

/// Manhattan distance of two vectors.
///
/// Σ |aᵢ − bᵢ|, also known as taxicab, city block or L1 distance.
///
/// `a` and `b`: n singles. `result`: the number.
/// Empty: Two empty vectors give 0. NaN: NaN and infinities follow IEEE 754.
/// Accuracy: Relative error ≤ γ(⌈n/32⌉ + 1) + 6·2⁻⁵³ with γ(k) = k·u/(1 − k·u) and u = 2⁻²⁴. It is infinite only where it is
/// beyond the doubles, which it never is of finite f32 vectors. Same bits on every instruction set, thread count and batch
/// shape.
///
/// # Safety
///
/// The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, during
/// the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_vector_manhattan_distance_f32(
    a: *const f32,
    b: *const f32,
    n: usize,
    result: *mut f64,
) -> i32 {
    guard(|| {
        let a = raw::input("a", a, n)?;
        let b = raw::input("b", b, n)?;
        let result = raw::output("result", result, 1)?;
        raw::apart(&[result.span()], &[a.span(), b.span()])?;
        // SAFETY: the caller guarantees as many elements as it says, and that nobody writes what is read or
        // touches what is written during the call. The slices have been checked not to overlap.
        let (a, b, result) = unsafe { (a.slice(), b.slice(), result.slice()) };
        result[0] = canonical_number(vector::manhattan_distance(a, b)?);
        Ok(())
    })
}

/// Manhattan distance of two vectors.
///
/// Σ |aᵢ − bᵢ|, also known as taxicab, city block or L1 distance.
///
/// `a` and `b`: `a_rows` and `b_rows` rows of n singles, row-major, either as many as there are results or one for all.
/// `out`: room for rows numbers. Large matrices are shared among the library's threads.
/// Empty: Two empty vectors give 0. NaN: NaN and infinities follow IEEE 754.
/// Accuracy: Relative error ≤ γ(⌈n/32⌉ + 1) + 6·2⁻⁵³ with γ(k) = k·u/(1 − k·u) and u = 2⁻²⁴. It is infinite only where it is
/// beyond the doubles, which it never is of finite f32 vectors. Same bits on every instruction set, thread count and batch
/// shape.
///
/// # Safety
///
/// The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, during
/// the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_vector_manhattan_distance_f32_batch(
    a: *const f32,
    a_rows: usize,
    b: *const f32,
    b_rows: usize,
    n: usize,
    out: *mut f64,
    rows: usize,
) -> i32 {
    guard(|| {
        let a = raw::matrix("a", a, a_rows, n)?;
        let b = raw::matrix("b", b, b_rows, n)?;
        let out = raw::output("out", out, rows)?;
        raw::apart(&[out.span()], &[a.span(), b.span()])?;
        // SAFETY: the caller guarantees as many elements as it says, and that nobody writes what is read or
        // touches what is written during the call. The slices have been checked not to overlap.
        let (a, b, out) = unsafe { (a.slice(), b.slice(), out.slice()) };
        state::run(|| batch::manhattan_distance(a, b, n, out))?;
        Ok(())
    })
}

/// Euclidean norm of a vector.
///
/// √(Σ vᵢ²)
///
/// `v`: n singles. `result`: the number.
/// Empty: The empty vector gives 0. NaN: NaN and infinities follow IEEE 754.
/// Accuracy: Relative error ≤ γ(⌈n/32⌉)/2 with u = 2⁻²⁴. A subnormal result is off by up to 2⁻¹⁰⁷⁵ more. It is infinite only
/// where it is beyond the doubles, which it never is of finite f32 vectors. Same bits on every instruction set, thread count
/// and batch shape.
///
/// # Safety
///
/// The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, during
/// the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_vector_norm_f32(v: *const f32, n: usize, result: *mut f64) -> i32 {
    guard(|| {
        let v = raw::input("v", v, n)?;
        let result = raw::output("result", result, 1)?;
        raw::apart(&[result.span()], &[v.span()])?;
        // SAFETY: the caller guarantees as many elements as it says, and that nobody writes what is read or
        // touches what is written during the call. The slices have been checked not to overlap.
        let (v, result) = unsafe { (v.slice(), result.slice()) };
        result[0] = canonical_number(vector::norm(v));
        Ok(())
    })
}

/// Euclidean norm of a vector.
///
/// √(Σ vᵢ²)
///
/// `v`: `v_rows` rows of n singles, row-major, either as many as there are results or one for all. `out`: room for rows
/// numbers. Large matrices are shared among the library's threads.
/// Empty: The empty vector gives 0. NaN: NaN and infinities follow IEEE 754.
/// Accuracy: Relative error ≤ γ(⌈n/32⌉)/2 with u = 2⁻²⁴. A subnormal result is off by up to 2⁻¹⁰⁷⁵ more. It is infinite only
/// where it is beyond the doubles, which it never is of finite f32 vectors. Same bits on every instruction set, thread count
/// and batch shape.
///
/// # Safety
///
/// The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, during
/// the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_vector_norm_f32_batch(
    v: *const f32,
    v_rows: usize,
    n: usize,
    out: *mut f64,
    rows: usize,
) -> i32 {
    guard(|| {
        let v = raw::matrix("v", v, v_rows, n)?;
        let out = raw::output("out", out, rows)?;
        raw::apart(&[out.span()], &[v.span()])?;
        // SAFETY: the caller guarantees as many elements as it says, and that nobody writes what is read or
        // touches what is written during the call. The slices have been checked not to overlap.
        let (v, out) = unsafe { (v.slice(), out.slice()) };
        state::run(|| batch::norm(v, n, out))?;
        Ok(())
    })
}

/// The vector divided by its Euclidean norm.
///
/// vᵢ / √(Σ vⱼ²). A zero vector is returned unchanged.
///
/// `v`: n singles. `out`: room for n singles. It may be an argument of the same shape, which the result then replaces; memory
/// that overlaps otherwise is refused.
/// Empty: The empty vector gives an empty vector. NaN: A NaN makes all components NaN. An infinite component becomes NaN and
/// the finite ones 0.
/// Accuracy: Relative error of a component ≤ u + γ(⌈n/32⌉)/2, u = 2⁻²⁴, and half the least f32 number where it becomes
/// subnormal. Same bits on every instruction set.
///
/// # Safety
///
/// The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, during
/// the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_vector_normalize_f32(v: *const f32, n: usize, out: *mut f32) -> i32 {
    guard(|| {
        let v = raw::input("v", v, n)?;
        let out = raw::output("out", out, n)?;
        let same = raw::apart_or_same(out.span(), [v.span()])?;
        // SAFETY: the caller guarantees as many elements as it says, and that nobody writes what is read or
        // touches what is written during the call. The slices have been checked not to overlap; for an input that is the output none is made.
        let (inputs, out) = unsafe { ([v.slice_unless(same[0])], out.slice()) };
        in_place::run(same, inputs, n, out, |[v], out| batch::normalize(v, n, out))
    })
}

/// The vector divided by its Euclidean norm.
///
/// vᵢ / √(Σ vⱼ²). A zero vector is returned unchanged.
///
/// `v`: `v_rows` rows of n singles, row-major, either as many as there are results or one for all. `out`: room for rows · n
/// singles. It may be an argument of the same shape, which the result then replaces; memory that overlaps otherwise is
/// refused. Large matrices are shared among the library's threads.
/// Empty: The empty vector gives an empty vector. NaN: A NaN makes all components NaN. An infinite component becomes NaN and
/// the finite ones 0.
/// Accuracy: Relative error of a component ≤ u + γ(⌈n/32⌉)/2, u = 2⁻²⁴, and half the least f32 number where it becomes
/// subnormal. Same bits on every instruction set.
///
/// # Safety
///
/// The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, during
/// the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_vector_normalize_f32_batch(
    v: *const f32,
    v_rows: usize,
    n: usize,
    out: *mut f32,
    rows: usize,
) -> i32 {
    guard(|| {
        let v = raw::matrix("v", v, v_rows, n)?;
        let out = raw::matrix_out("out", out, rows, n)?;
        let same = raw::apart_or_same(out.span(), [v.span()])?;
        // SAFETY: the caller guarantees as many elements as it says, and that nobody writes what is read or
        // touches what is written during the call. The slices have been checked not to overlap; for an input that is the output none is made.
        let (inputs, out) = unsafe { ([v.slice_unless(same[0])], out.slice()) };
        state::run(|| in_place::run(same, inputs, n, out, |[v], out| batch::normalize(v, n, out)))
    })
}

/// A vector times a number.
///
/// vᵢ·factor. The factor is rounded to f32 first; a component that overflows by that, and every component where 0 < |factor|
/// < 2⁻¹²⁶, is computed in f64 from the factor given.
///
/// `v`: n singles. `out`: room for n singles. It may be an argument of the same shape, which the result then replaces; memory
/// that overlaps otherwise is refused.
/// `factor`: a finite number. What every component is multiplied by.
/// Empty: The empty vector gives an empty vector. NaN: NaN and infinities follow IEEE 754, component by component.
/// Accuracy: Correctly rounded product of the vector's component and the rounded factor; where it is computed in f64, of the
/// factor as given, within 0.5 + 2⁻²⁹ ulp. It is infinite only where the product is.
///
/// # Safety
///
/// The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, during
/// the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_vector_scale_f32(v: *const f32, n: usize, factor: f64, out: *mut f32) -> i32 {
    guard(|| {
        let v = raw::input("v", v, n)?;
        let out = raw::output("out", out, n)?;
        let same = raw::apart_or_same(out.span(), [v.span()])?;
        let factor = params::number("factor", factor, f64::MIN, f64::MAX)?;
        // SAFETY: the caller guarantees as many elements as it says, and that nobody writes what is read or
        // touches what is written during the call. The slices have been checked not to overlap; for an input that is the output none is made.
        let (inputs, out) = unsafe { ([v.slice_unless(same[0])], out.slice()) };
        in_place::run(same, inputs, n, out, |[v], out| batch::scale(v, factor, n, out))
    })
}

/// A vector times a number.
///
/// vᵢ·factor. The factor is rounded to f32 first; a component that overflows by that, and every component where 0 < |factor|
/// < 2⁻¹²⁶, is computed in f64 from the factor given.
///
/// `v`: `v_rows` rows of n singles, row-major, either as many as there are results or one for all. `out`: room for rows · n
/// singles. It may be an argument of the same shape, which the result then replaces; memory that overlaps otherwise is
/// refused. Large matrices are shared among the library's threads.
/// `factor`: a finite number. What every component is multiplied by.
/// Empty: The empty vector gives an empty vector. NaN: NaN and infinities follow IEEE 754, component by component.
/// Accuracy: Correctly rounded product of the vector's component and the rounded factor; where it is computed in f64, of the
/// factor as given, within 0.5 + 2⁻²⁹ ulp. It is infinite only where the product is.
///
/// # Safety
///
/// The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, during
/// the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_vector_scale_f32_batch(
    v: *const f32,
    v_rows: usize,
    n: usize,
    factor: f64,
    out: *mut f32,
    rows: usize,
) -> i32 {
    guard(|| {
        let v = raw::matrix("v", v, v_rows, n)?;
        let out = raw::matrix_out("out", out, rows, n)?;
        let same = raw::apart_or_same(out.span(), [v.span()])?;
        let factor = params::number("factor", factor, f64::MIN, f64::MAX)?;
        // SAFETY: the caller guarantees as many elements as it says, and that nobody writes what is read or
        // touches what is written during the call. The slices have been checked not to overlap; for an input that is the output none is made.
        let (inputs, out) = unsafe { ([v.slice_unless(same[0])], out.slice()) };
        state::run(|| in_place::run(same, inputs, n, out, |[v], out| batch::scale(v, factor, n, out)))
    })
}

/// Softmax of a vector: positive components whose sum is 1.
///
/// exp(vᵢ − max v) / Σ exp(vⱼ − max v)
///
/// `v`: n singles. `out`: room for n singles. It may be an argument of the same shape, which the result then replaces; memory
/// that overlaps otherwise is refused.
/// Empty: The empty vector gives an empty vector. NaN: A NaN or +∞ component, or nothing but −∞, makes all components NaN; −∞
/// beside finite components gives 0 there.
/// Accuracy: Computed in f64, each component rounded once: error below 0.51 ulp of f32 for n ≤ 1.6·10⁸. Same bits on every
/// instruction set: the exponential is the library's own.
///
/// # Safety
///
/// The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, during
/// the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_vector_softmax_f32(v: *const f32, n: usize, out: *mut f32) -> i32 {
    guard(|| {
        let v = raw::input("v", v, n)?;
        let out = raw::output("out", out, n)?;
        let same = raw::apart_or_same(out.span(), [v.span()])?;
        // SAFETY: the caller guarantees as many elements as it says, and that nobody writes what is read or
        // touches what is written during the call. The slices have been checked not to overlap; for an input that is the output none is made.
        let (inputs, out) = unsafe { ([v.slice_unless(same[0])], out.slice()) };
        in_place::run(same, inputs, n, out, |[v], out| batch::softmax(v, n, out))
    })
}

/// Softmax of a vector: positive components whose sum is 1.
///
/// exp(vᵢ − max v) / Σ exp(vⱼ − max v)
///
/// `v`: `v_rows` rows of n singles, row-major, either as many as there are results or one for all. `out`: room for rows · n
/// singles. It may be an argument of the same shape, which the result then replaces; memory that overlaps otherwise is
/// refused. Large matrices are shared among the library's threads.
/// Empty: The empty vector gives an empty vector. NaN: A NaN or +∞ component, or nothing but −∞, makes all components NaN; −∞
/// beside finite components gives 0 there.
/// Accuracy: Computed in f64, each component rounded once: error below 0.51 ulp of f32 for n ≤ 1.6·10⁸. Same bits on every
/// instruction set: the exponential is the library's own.
///
/// # Safety
///
/// The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, during
/// the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_vector_softmax_f32_batch(
    v: *const f32,
    v_rows: usize,
    n: usize,
    out: *mut f32,
    rows: usize,
) -> i32 {
    guard(|| {
        let v = raw::matrix("v", v, v_rows, n)?;
        let out = raw::matrix_out("out", out, rows, n)?;
        let same = raw::apart_or_same(out.span(), [v.span()])?;
        // SAFETY: the caller guarantees as many elements as it says, and that nobody writes what is read or
        // touches what is written during the call. The slices have been checked not to overlap; for an input that is the output none is made.
        let (inputs, out) = unsafe { ([v.slice_unless(same[0])], out.slice()) };
        state::run(|| in_place::run(same, inputs, n, out, |[v], out| batch::softmax(v, n, out)))
    })
}

/// Difference of two vectors, component by component.
///
/// aᵢ − bᵢ
///
/// `a` and `b`: n singles. `out`: room for n singles. It may be an argument of the same shape, which the result then
/// replaces; memory that overlaps otherwise is refused.
/// Empty: Two empty vectors give an empty vector. NaN: NaN and infinities follow IEEE 754, component by component.
/// Accuracy: Correctly rounded.
///
/// # Safety
///
/// The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, during
/// the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_vector_subtract_f32(
    a: *const f32,
    b: *const f32,
    n: usize,
    out: *mut f32,
) -> i32 {
    guard(|| {
        let a = raw::input("a", a, n)?;
        let b = raw::input("b", b, n)?;
        let out = raw::output("out", out, n)?;
        let same = raw::apart_or_same(out.span(), [a.span(), b.span()])?;
        // SAFETY: the caller guarantees as many elements as it says, and that nobody writes what is read or
        // touches what is written during the call. The slices have been checked not to overlap; for an input that is the output none is made.
        let (inputs, out) = unsafe { ([a.slice_unless(same[0]), b.slice_unless(same[1])], out.slice()) };
        in_place::run(same, inputs, n, out, |[a, b], out| batch::subtract(a, b, n, out))
    })
}

/// Difference of two vectors, component by component.
///
/// aᵢ − bᵢ
///
/// `a` and `b`: `a_rows` and `b_rows` rows of n singles, row-major, either as many as there are results or one for all.
/// `out`: room for rows · n singles. It may be an argument of the same shape, which the result then replaces; memory that
/// overlaps otherwise is refused. Large matrices are shared among the library's threads.
/// Empty: Two empty vectors give an empty vector. NaN: NaN and infinities follow IEEE 754, component by component.
/// Accuracy: Correctly rounded.
///
/// # Safety
///
/// The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, during
/// the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_vector_subtract_f32_batch(
    a: *const f32,
    a_rows: usize,
    b: *const f32,
    b_rows: usize,
    n: usize,
    out: *mut f32,
    rows: usize,
) -> i32 {
    guard(|| {
        let a = raw::matrix("a", a, a_rows, n)?;
        let b = raw::matrix("b", b, b_rows, n)?;
        let out = raw::matrix_out("out", out, rows, n)?;
        let same = raw::apart_or_same(out.span(), [a.span(), b.span()])?;
        // SAFETY: the caller guarantees as many elements as it says, and that nobody writes what is read or
        // touches what is written during the call. The slices have been checked not to overlap; for an input that is the output none is made.
        let (inputs, out) = unsafe { ([a.slice_unless(same[0]), b.slice_unless(same[1])], out.slice()) };
        state::run(|| in_place::run(same, inputs, n, out, |[a, b], out| batch::subtract(a, b, n, out)))
    })
}
