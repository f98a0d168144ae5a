//! The shape of the command line.

use clap::CommandFactory;

use super::dead_letters::DeadLettersCommand;
use super::*;
use crate::clock::Clock;
use crate::config::{Only, Topics};
use crate::domain::payment::{ParkReason, PaymentState};
use crate::domain::rejection::{DeadLetterReason, Rejection};
use crate::operator::dead_letters::What;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::of(line.split_whitespace().map(Into::into))
}

fn command(line: &str) -> Command {
    match parse(line) {
        Ok(cli) => cli.command,
        Err(error) => panic!("{line}: {error}"),
    }
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_has_examples() {
    fn visit(command: &clap::Command, missing: &mut Vec<String>) {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        if !help.contains("Example") {
            missing.push(command.get_name().to_owned());
        }
        for command in command.get_subcommands() {
            visit(command, missing);
        }
    }
    let mut missing = Vec::new();
    visit(&Cli::command(), &mut missing);
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn each_state_of_a_list_is_one_that_payments_have() {
    let cli = Cli::command();
    let list = cli.find_subcommand("payments").and_then(|noun| noun.find_subcommand("list"));
    let mut options = list.expect("a list").get_arguments();
    let state = options.find(|option| option.get_id() == "state").expect("a state");
    let offered = state.get_possible_values();
    assert_eq!(offered.len(), 7);
    for state in offered {
        let known = PaymentState::from_words(state.get_name(), Some(ParkReason::NotSent.code()));
        assert!(known.is_some(), "{state:?}");
    }
}

/// What is wrong with a text of the help: it is there, it begins with a capital letter, it is one
/// sentence without the dot at its end, and nothing of it is left over from the source.
fn help_fault(help: Option<String>) -> Option<&'static str> {
    let Some(text) = help.map(|help| help.trim().to_owned()).filter(|help| !help.is_empty()) else {
        return Some("has no text");
    };
    let first = text.chars().next().is_some_and(|c| c.is_uppercase() || c.is_ascii_digit());
    if !first {
        return Some("begins with a small letter");
    }
    if text.ends_with('.') || text.contains(". ") {
        return Some("is more than one sentence, or has its dot");
    }
    let left = ["[`", "::", "  ", "\n", "TODO"].iter().any(|mark| text.contains(mark));
    left.then_some("has signs of the source in it")
}

#[test]
fn every_command_argument_and_option_says_what_it_is() {
    fn visit(path: &str, command: &clap::Command, faults: &mut Vec<String>) {
        let text = |help: Option<&clap::builder::StyledStr>| help.map(ToString::to_string);
        if let Some(fault) = help_fault(text(command.get_about())) {
            faults.push(format!("{path}: {fault}"));
        }
        for arg in command.get_arguments() {
            let name =
                arg.get_long().map_or_else(|| arg.get_id().to_string(), |l| format!("--{l}"));
            if let Some(fault) = help_fault(text(arg.get_help())) {
                faults.push(format!("{path} {name}: {fault}"));
            }
        }
        for below in command.get_subcommands() {
            visit(&format!("{path} {}", below.get_name()), below, faults);
        }
    }
    let mut faults = Vec::new();
    visit("topup", &Cli::command(), &mut faults);
    assert!(faults.is_empty(), "{} texts of help:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn wrong_usage_exits_with_two() {
    for line in [
        "topup",
        "topup nonsense",
        "topup invoices list --status paid",
        "topup accounts list --limit 0",
        "topup worker --only everything",
        "topup records list --since yesterday",
        "topup dead-letters discard --id 1",
        "topup dead-letters reopen 1",
        "topup publish",
        "topup status --watch 0",
        "topup completions cmd",
        "topup jobs run nonsense --operator me",
        "topup review list --rule R99",
        "topup review list --older-than yesterday",
        "topup review confirm --operator me",
        "topup rules activate",
        "topup rules activate rules.toml --version 2 --operator me",
        "topup rules activate --version -1 --operator me",
        "topup simulate --since 1d",
        "topup simulate --rules rules.toml --since 1d --account a/b",
    ] {
        match parse(line) {
            Ok(_) => panic!("{line} was accepted"),
            Err(error) => assert_eq!(error.exit_code(), 2, "{line}"),
        }
    }
}

#[test]
fn a_mistyped_word_gets_its_neighbour() {
    for (line, near) in [
        ("topup invoice list", "'invoices'"),
        ("topup jobs run prun --operator me", "'prune'"),
        ("topup payments list --reason not_snt", "'not_sent'"),
        ("topup status --outptu json", "'--output'"),
        ("topup invoices list --state paid", "'--state <STATE>'"),
        ("topup payments list --status=paid", "'--status <STATUS>'"),
        ("topup payments list --state paid", "'--state <STATE>'"),
        ("topup dead-letters show abc", "the number of a dead letter, such as 17"),
        ("topup dead-letters replay --id x", "the number of a dead letter, such as 17"),
    ] {
        let said = parse(line).map(|_| ()).expect_err(line).to_string();
        assert!(said.contains(near), "{line}: {said}");
    }
}

#[test]
fn what_changes_something_asks_who_does_it() {
    // The environment of this process must not answer for the operator.
    if std::env::var_os("TOPUP_OPERATOR").is_some() {
        return;
    }
    for line in [
        "topup jobs run audit",
        "topup jobs pause audit",
        "topup jobs resume audit",
        "topup rules activate --version 0",
        "topup rules activate --version 0 --operator=",
    ] {
        assert_eq!(parse(line).map(|_| ()).expect_err(line).exit_code(), 2, "{line}");
    }
}

/// Whoever tries something out and then does it is asked in one way, whatever it is.
#[test]
fn who_acts_and_whether_it_is_done_are_asked_alike_everywhere() {
    fn visit(command: &clap::Command, asked: &mut Vec<[Option<String>; 3]>) {
        let help = |name: &str| {
            let found = command.get_arguments().find(|arg| arg.get_long() == Some(name))?;
            found.get_help().map(ToString::to_string)
        };
        if help("yes").is_some() {
            let name = Some(command.get_name().to_owned());
            asked.push([name, help("yes"), help("operator")]);
        }
        command.get_subcommands().for_each(|below| visit(below, asked));
    }
    let mut asked = Vec::new();
    visit(&Cli::command(), &mut asked);
    assert!(asked.len() > 20, "{asked:?}");
    for [name, yes, operator] in asked {
        let name = name.expect("a name");
        assert_eq!(yes.as_deref(), Some("Do it"), "{name}");
        let operator = operator.unwrap_or_else(|| panic!("{name}: nobody acts"));
        assert!(operator.starts_with("Who does it, for the audit"), "{name}: {operator}");
    }
}

#[test]
fn only_names_the_parts_that_run() {
    let Command::Worker(args) = command("topup worker --only bank,relay") else {
        panic!("not the worker");
    };
    let only = args.only();
    assert!(only.bank && only.relay && !only.commands && !only.usage && !only.jobs);
    let Command::Worker(args) = command("topup worker") else {
        panic!("not the worker");
    };
    assert_eq!(args.only(), Only::ALL);
}

#[test]
fn a_replay_is_dry_and_selective_unless_told() {
    let topics = Topics::with_prefix("t");
    let read = |line: &str| match command(&format!("topup dead-letters {line} --operator me")) {
        Command::Look(Look::DeadLetters(command)) => command,
        _ => panic!("not dead letters"),
    };
    let call = |line: &str| match read(line) {
        DeadLettersCommand::Replay(options) => options.request(Clock::System, &topics),
        _ => panic!("no replay"),
    };
    let Ok(args) = call("replay --code conflict") else { panic!("no replay") };
    assert!(args.dry_run);
    let What::Selected(selection) = &args.what else { panic!("no selection") };
    assert_eq!(selection.code.as_deref(), Some("conflict"));
    let all = call("replay --all --yes --rate unlimited");
    assert!(all.is_ok_and(|args| !args.dry_run));
    for (line, ids) in [("replay 7", vec![7]), ("replay 7 9 --id 8", vec![7, 9, 8])] {
        let Ok(args) = call(line) else { panic!("{line}: no replay") };
        let What::Selected(selection) = &args.what else { panic!("no selection") };
        assert_eq!(selection.ids, ids, "{line}");
    }
    let DeadLettersCommand::Discard(options) = read("discard 7 --reason x") else {
        panic!("no discard");
    };
    let selection = options.which(Clock::System, &topics).expect("a selection");
    assert_eq!(selection.ids, [7]);
    for vague in ["replay", "replay --all --id 1"] {
        assert!(matches!(call(vague), Err(CliError::Usage(_))), "{vague}");
    }
}

#[test]
fn secrets_on_the_command_line_are_not_debug_printed() {
    let cli = parse("topup demo --database-url postgres://u:secret@h/d").expect("parses");
    assert!(!format!("{cli:?}").contains("secret"));
}

/// The columns of every table that is printed, as they stand in the source: none can be forgotten.
fn tables() -> Vec<(String, Vec<String>)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli");
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder).expect("the sources") {
        let path = file.expect("a file").path();
        let source = std::fs::read_to_string(&path).unwrap_or_default();
        for part in source.split("\ntable!(").skip(1) {
            let table = part.split_once(");\n").expect("a table").0;
            // A header is the text in front of a colon.
            let pieces: Vec<&str> = table.split('"').skip(1).collect();
            let headers = pieces.chunks(2).filter(|pair| pair[1].starts_with(": "));
            let words = headers.map(|pair| pair[0].to_owned()).collect();
            found.push((path.display().to_string(), words));
        }
    }
    found
}

fn longest_code() -> &'static str {
    let parked = ParkReason::ALL.map(ParkReason::code);
    let refused = Rejection::ALL.map(Rejection::code);
    let failed = DeadLetterReason::ALL.map(DeadLetterReason::code);
    let all = parked.into_iter().chain(refused).chain(failed).chain(CODES);
    all.max_by_key(|code| code.len()).expect("codes")
}

/// Codes and ids are whole in 80 columns, in each column of each table, and no line is longer.
#[test]
fn eighty_columns_never_break_a_code_or_an_id() {
    let tables = tables();
    assert!(tables.len() > 50, "only {} tables were found", tables.len());
    let usual = "BANK:SG-DBS-001:2026112200017";
    let code = longest_code();
    let long = "I".repeat(64);
    for (file, headers) in &tables {
        let names: Vec<&str> = headers.iter().map(String::as_str).collect();
        for word in [code, usual, long.as_str()] {
            // Beside it stands what is shorter, and what people typed.
            let rows: Vec<Vec<String>> = (0..names.len())
                .map(|at| {
                    let cell = |column: usize| if column == at { word } else { "a word or two" };
                    (0..names.len()).map(|column| cell(column).to_owned()).collect()
                })
                .chain([vec![word.to_owned(); names.len()]])
                .collect();
            let (lines, _) = output::drawn(&names, rows, Some(80));
            let typed = names.iter().filter(|name| fit::TYPED.contains(*name)).count();
            let words = lines.iter().flat_map(|line| line.split_whitespace());
            let whole = words.filter(|shown| *shown == word).count();
            let expected = (names.len() - typed) * 2;
            assert!(whole >= expected, "{file} {names:?}: {word}: {whole}\n{}", lines.join("\n"));
            let wide = lines.iter().find(|line| grid::width(line) > 80);
            assert_eq!(wide, None, "{file} {names:?}");
        }
    }
}

/// What has a line of its own has room for all of its text.
#[test]
fn a_row_that_is_shown_one_field_a_line_is_whole() {
    let message = "An amount is not a decimal number with at most six digits after the point";
    let headers = ["id", "place", "message"];
    let row = vec!["17".to_owned(), "x".repeat(90), message.to_owned()];
    let (lines, header) = output::drawn(&headers, vec![row], Some(80));
    assert!(!header);
    let shown = lines.join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(shown.contains(message), "{lines:?}");
}
