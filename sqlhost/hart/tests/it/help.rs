//! The help of every command, and what is said of a wrong command line, as they are kept in `snapshots`. After a change that is meant,
//! `INSTA_UPDATE=always cargo test -p hart --test it help` writes them anew; what has changed shows in the difference.

use std::process::{Command, Output};

fn hart(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hart")).env_clear().args(arguments).output().unwrap()
}

/// The help of a command, and the names of its own commands.
fn help(command: &[&str]) -> (String, Vec<String>) {
    let output = hart(&[command, &["--help"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let names =
        text.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // A name is at the margin of the list; what goes on below it is further in.
    let names = names.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help");
    let names = names.map(String::from).collect();
    (text, names)
}

#[test]
fn help_of_every_command() {
    let (text, commands) = help(&[]);
    insta::assert_snapshot!("hart", text);
    assert!(commands.len() > 10, "{commands:?}");
    for command in &commands {
        let (text, within) = help(&[command]);
        insta::assert_snapshot!(format!("hart {command}"), text);
        for inner in &within {
            let (text, _) = help(&[command, inner]);
            insta::assert_snapshot!(format!("hart {command} {inner}"), text);
        }
    }
}

#[test]
fn wrong_command_lines() {
    let atomize = ["tensor", "atomize", "model", "--output", "x"];
    let lines: [&[&str]; 14] = [
        &["rnu"],
        &["run"],
        &["run", "vector_norm", "--format", "yaml"],
        &["search", "--input", "a.npy", "-k", "0"],
        &["project", "a.npy", "--basis", "no-such", "--output", "b.csv"],
        &["recall", "a.npy", "--metric", "sine"],
        &atomize,
        &[&atomize[..], &["--rank", "2", "--error", "0.1"]].concat(),
        &[&atomize[..], &["--rank=0"]].concat(),
        &[&atomize[..], &["--rank=-1"]].concat(),
        &[&atomize[..], &["--error=0"]].concat(),
        &[&atomize[..], &["--error=nan"]].concat(),
        &[&atomize[..], &["--energy=1.5"]].concat(),
        &["tensor", "synthesize", ".", "--output", "x.bin"],
    ];
    let mut all = String::new();
    for line in lines {
        let output = hart(line);
        let (code, text) = (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap());
        assert!(output.stdout.is_empty(), "{line:?}");
        all.push_str(&format!("$ hart {}\n[{code}] {}\n\n", line.join(" "), text.trim_end()));
    }
    insta::assert_snapshot!("wrong command lines", all);
}
