//! Row operations whose result replaces an argument.

use hart_kernels::Error;

use crate::failure::Failure;

/// Singles copied at a time: few enough for a cache, enough for threads to share.
const BLOCK: usize = 1 << 20;

/// Runs `work` on rows of `n` singles, where inputs that are the `same` memory as `out` have no slices. Those are
/// copied, a block of rows at a time, because a slice that is written must not be read through another one. Rows are
/// independent.
pub(crate) fn run<const N: usize>(
    same: [bool; N],
    inputs: [&[f32]; N],
    n: usize,
    out: &mut [f32],
    work: impl Fn([&[f32]; N], &mut [f32]) -> Result<(), Error>,
) -> Result<(), Failure> {
    if same == [false; N] {
        return Ok(work(inputs, out)?);
    }
    // An input has one row for all or all rows. `work` rejects anything else, after checking all inputs.
    let whole = (0..N).any(|i| !same[i] && inputs[i].len() != n && inputs[i].len() != out.len());
    let step = if whole { out.len() } else { (BLOCK / n.max(1)).max(1) * n }.max(1);
    let mut copy = Vec::new();
    let bytes = out.len().min(step) * size_of::<f32>();
    copy.try_reserve_exact(out.len().min(step))
        .map_err(|_| Failure::OutOfMemory { what: "a copy of the rows that are replaced", bytes })?;
    for (block, out) in out.chunks_mut(step).enumerate() {
        copy.clear();
        copy.extend_from_slice(out);
        let range = block * step..block * step + out.len();
        let of_block = std::array::from_fn(|i| match inputs[i] {
            _ if same[i] => &copy[..],
            one if whole || one.len() == n => one,
            all => &all[range.clone()],
        });
        work(of_block, out)?;
    }
    Ok(())
}
