//! Comments in ASCII, because the tools that send a script disagree about a file's encoding.

/// Signs in the registry's texts, and their ASCII replacements.
const SIGNS: &[(char, &str)] = &[
    ('·', "*"),
    ('×', "x"),
    ('−', "-"),
    ('–', "-"),
    ('—', "-"),
    ('±', "+-"),
    ('≥', ">="),
    ('≤', "<="),
    ('≠', "<>"),
    ('≈', "about"),
    ('∞', "infinity"),
    ('→', "->"),
    ('…', "..."),
    ('‖', "||"),
    ('½', "1/2"),
    ('⌈', "ceiling("),
    ('⌉', ")"),
    ('⌊', "floor("),
    ('⌋', ")"),
    ('Σ', "sum"),
    ('Π', "product"),
    ('√', "sqrt"),
    ('π', "pi"),
    ('α', "alpha"),
    ('β', "beta"),
    ('γ', "gamma"),
    ('δ', "delta"),
    ('ε', "epsilon"),
    ('θ', "theta"),
    ('κ', "kappa"),
    ('λ', "lambda"),
    ('μ', "mu"),
    ('σ', "sigma"),
    ('τ', "tau"),
    ('φ', "phi"),
    ('°', " degrees"),
    ('∧', "AND"),
    ('∨', "OR"),
    ('⊕', "XOR"),
    ('ł', "l"),
];
/// Superscripts and subscripts.
const RAISED: &[char] = &['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹', '⁻', '⁺', 'ᵀ', 'ⁿ', 'ᵏ', 'ᵖ'];
const RAISED_AS: &str = "0123456789-+Tnkp";
const LOWERED: &[char] = &['₀', '₁', '₂', '₃', '₄', '₅', '₆', '₇', '₈', '₉', 'ᵢ', 'ⱼ', 'ₖ', 'ₙ', 'ₘ'];
const LOWERED_AS: &str = "0123456789ijknm";

/// The text with signs that ASCII lacks written as words: `√(Σ vᵢ²)` as `sqrt(sum v_i^2)`. Unlisted signs stay, and a
/// test of the scripts finds them.
pub(super) fn ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut line, mut after_word) = (None, false);
    for c in text.chars() {
        let place = |list: &[char], written: &str| {
            let at = list.iter().position(|l| *l == c)?;
            written.chars().nth(at)
        };
        let raised = place(RAISED, RAISED_AS).map(|written| ('^', written));
        let beside = raised.or_else(|| place(LOWERED, LOWERED_AS).map(|written| ('_', written)));
        let level = beside.map(|(level, _)| level);
        if level.is_some() && level != line {
            out.extend(level);
        }
        line = level;
        let sign = SIGNS.iter().find(|(sign, _)| *sign == c).map(|(_, words)| *words);
        // Separates adjacent words.
        let word = sign.is_some_and(|words| words.starts_with(char::is_alphabetic));
        if (word && out.ends_with(char::is_alphanumeric)) || (after_word && c.is_ascii_alphanumeric()) {
            out.push(' ');
        }
        after_word = sign.is_some_and(|words| words.ends_with(char::is_alphabetic));
        match (beside, sign) {
            (Some((_, written)), _) => out.push(written),
            (None, Some(words)) => out.push_str(words),
            (None, None) => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_written_in_words() {
        for (text, written) in [
            ("√(Σ vᵢ²): VECTOR_NORM(v, 'norm2').", "sqrt(sum v_i^2): VECTOR_NORM(v, 'norm2')."),
            ("γ(⌈n/32⌉)/2 with u = 2⁻²⁴", "gamma(ceiling(n/32))/2 with u = 2^-24"),
            ("Σⱼ exp(xⱼ − ∞) ≥ 2σ₁·√n", "sum_j exp(x_j - infinity) >= 2 sigma_1*sqrt n"),
            ("‖A − UVᵀ‖", "||A - UV^T||"),
            ("plain", "plain"),
        ] {
            assert_eq!(ascii(text), written);
        }
        assert_eq!((RAISED.len(), LOWERED.len()), (RAISED_AS.len(), LOWERED_AS.len()));
    }
}
