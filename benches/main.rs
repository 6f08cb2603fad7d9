//! Measures paseto-actix and other crates in one run. See `README.md` in this folder.

mod apps;
mod arguments;
mod chart;
mod depth;
mod folder;
mod group;
mod growth;
mod in_process;
mod instructions;
mod jwt;
mod keys;
mod load;
mod loopback;
mod machine;
mod memory;
mod process;
mod redis;
mod sampler;
mod selection;
mod server;
mod state;
mod stores;
mod subjects;
mod table;
mod tokens;
mod verifiers;

use arguments::Arguments;
use selection::Run;

fn main() {
    match Arguments::read() {
        Arguments::Run(run) => compare(&run),
        Arguments::Serve { subject, depth } => server::serve(subject, depth),
        Arguments::CountInstructions { subject, requests } => {
            instructions::run_counted(subject, requests)
        }
        Arguments::Fill { filling, count } => memory::fill(filling, count),
        Arguments::State { path } => write(&path, state::measure()),
        Arguments::FillStore { case } => state::fill(case),
    }
}

fn compare(run: &Run) {
    let mut groups = Vec::new();
    if run.instructions {
        groups.push(instructions::measure(run));
    } else {
        groups.extend(in_process::measure(run));
        groups.extend(growth::measure(run));
        groups.extend(memory::measure(run));
        // This must be last, because it pins this process to one core.
        groups.push(loopback::measure(run));
    }
    if groups.iter().all(|group| group.samples.is_empty()) {
        eprintln!("no subject matches the text of --only (the case of letters matters)");
        std::process::exit(2);
    }
    let rows: Vec<_> =
        if run.brief { Vec::new() } else { groups.iter().flat_map(table::rows).collect() };
    if !run.brief {
        print!("{}", table::text(&rows));
    }
    for note in groups.iter().flat_map(|group| &group.notes) {
        println!("{note}");
    }
    if run.brief {
        println!("all subjects respond correctly");
        return;
    }
    write(&run.chart, chart::svg(&groups));
    if let Some(path) = &run.markdown {
        let notes: Vec<_> = groups
            .iter()
            .flat_map(|group| &group.notes)
            .map(|note| format!("- {note}\n"))
            .collect();
        let description = machine::description();
        write(path, format!("{description}\n\n{}\n{}", table::markdown(&rows), notes.concat()));
    }
}

fn write(path: &std::path::Path, text: String) {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).expect("the folder can be created");
    }
    std::fs::write(path, text).expect("the file can be written");
    println!("written: {}", path.display());
}
