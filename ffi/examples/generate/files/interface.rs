//! The snapshots of the interface, `tests/abi.txt` and `tests/symbols.txt`: what the sources' functions and constants say there.

use std::collections::BTreeSet;

use super::{EXPORTS, TYPES, parse, root};

/// A type as the snapshot writes it.
pub fn word(of: &syn::Type) -> String {
    match of {
        syn::Type::Path(path) => path.path.segments.last().unwrap().ident.to_string(),
        syn::Type::Ptr(pointer) if pointer.const_token.is_some() => format!("*const {}", word(&pointer.elem)),
        syn::Type::Ptr(pointer) => format!("*mut {}", word(&pointer.elem)),
        syn::Type::Array(array) => format!("[{}; {}]", word(&array.elem), number(&array.len)),
        other => panic!("{other:?}"),
    }
}

fn number(of: &syn::Expr) -> &str {
    match of {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(number), .. }) => number.base10_digits(),
        other => panic!("{other:?}"),
    }
}

/// One line for each exported function, with its signature, and for each constant, with its value. The interface's version is left
/// out: it says how far the others reach.
pub fn lines() -> BTreeSet<String> {
    let items = TYPES.iter().chain(EXPORTS).flat_map(|path| parse(&root().join(path)).items);
    items
        .filter_map(|item| match item {
            syn::Item::Const(item) if item.ident.to_string().starts_with("HART_") => {
                let line = format!("const {}: {} = {}", item.ident, word(&item.ty), number(&item.expr));
                (item.ident != "HART_ABI_VERSION").then_some(line)
            }
            syn::Item::Fn(item) if item.sig.ident.to_string().starts_with("hart_") => {
                let arguments = item.sig.inputs.iter().map(argument).collect::<Vec<_>>().join(", ");
                let syn::ReturnType::Type(_, result) = &item.sig.output else { panic!("{}", item.sig.ident) };
                Some(format!("fn {}({arguments}) -> {}", item.sig.ident, word(result)))
            }
            _ => None,
        })
        .collect()
}

fn argument(of: &syn::FnArg) -> String {
    match of {
        syn::FnArg::Typed(syn::PatType { pat, ty, .. }) => match &**pat {
            syn::Pat::Ident(name) => format!("{}: {}", name.ident, word(ty)),
            other => panic!("{other:?}"),
        },
        syn::FnArg::Receiver(_) => panic!("a function takes self"),
    }
}
