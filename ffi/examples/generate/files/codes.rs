//! `src/codes.rs`: the status codes of the kernels' errors, and words as numbers.

use std::fmt::Write;

use hart_kernels::Metric;
use syn::{Expr, ImplItem, Item, Lit, Pat};

use super::{docs, parse, root, rustfmt};

/// `ParameterValue` as `PARAMETER_VALUE`.
fn screaming(name: &str) -> String {
    let mut out = String::new();
    for (i, c) in name.chars().enumerate() {
        if c.is_uppercase() && i > 0 {
            out.push('_');
        }
        out.push(c.to_ascii_uppercase());
    }
    out
}

/// Name, documentation and number of every error, as `Error::code` has them.
fn errors() -> Vec<(String, String, u16)> {
    let file = parse(&root().join("../kernels/src/error.rs"));
    let mut documented = Vec::new();
    let mut numbers = Vec::new();
    for item in file.items {
        match item {
            Item::Enum(item) if item.ident == "Error" => {
                documented = item
                    .variants
                    .iter()
                    .map(|variant| (variant.ident.to_string(), docs(&variant.attrs).join(" ")))
                    .collect();
            }
            Item::Impl(item) => {
                let code = item.items.iter().find_map(|item| match item {
                    ImplItem::Fn(function) if function.sig.ident == "code" => Some(function),
                    _ => None,
                });
                let Some(syn::Stmt::Expr(Expr::Match(body), _)) = code.and_then(|f| f.block.stmts.first())
                else {
                    continue;
                };
                for arm in &body.arms {
                    let (Pat::Struct(pattern), Expr::Lit(number)) = (&arm.pat, &*arm.body) else {
                        panic!("an arm of Error::code is not of the form Error::Name {{ .. }} => number")
                    };
                    let name = pattern.path.segments.last().expect("a path").ident.to_string();
                    let Lit::Int(number) = &number.lit else { panic!("{name} has no number") };
                    numbers.push((name, number.base10_parse().expect("a small number")));
                }
            }
            _ => {}
        }
    }
    assert_eq!(documented.len(), numbers.len(), "every error has a number");
    let text = |name: &String| documented.iter().find(|(n, _)| n == name).expect("documented").1.clone();
    numbers.into_iter().map(|(name, number)| (name.clone(), text(&name), number)).collect()
}

pub fn text() -> String {
    let mut out = String::from(
        "//! The status codes of the kernels' errors, and words as numbers. Generated: `cargo run -p hart-ffi --example generate`.\n\n",
    );
    for (name, text, number) in errors() {
        let _ = writeln!(out, "/// {text}\npub const HART_STATUS_{}: i32 = {number};", screaming(&name));
    }
    out.push('\n');
    for name in Metric::NAMES {
        // A number is for ever: a new metric gets the next one, wherever its name stands, and an arm in `params::metric`.
        let (number, meaning) = match *name {
            "cosine" => (0, "1 − cosine similarity"),
            "euclidean" => (1, "straight-line distance, not squared"),
            "dot" => (2, "negated inner product"),
            other => panic!("the metric {other} needs a number and a line of documentation here"),
        };
        let upper = name.to_ascii_uppercase();
        let _ = writeln!(
            out,
            "/// The metric `{name}`: {meaning}.\npub const HART_METRIC_{upper}: i32 = {number};"
        );
    }
    rustfmt(&out)
}
