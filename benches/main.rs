//! What paseto-actix costs beside its peers, side by side in one run: see `README.md` in this folder.

mod apps;
mod arguments;
mod chart;
mod depth;
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
mod server;
mod state;
mod subjects;
mod table;
mod verifiers;

use arguments::{Arguments, Run};

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
        // The last, as it leaves one core to this process.
        groups.push(loopback::measure(run));
    }
    if groups.iter().all(|group| group.samples.is_empty()) {
        eprintln!("nothing has that in its name, upper and lower case apart");
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
        println!("every subject that was called answers rightly");
        return;
    }
    write(&run.chart, chart::svg(&groups));
    if let Some(path) = &run.markdown {
        let notes: Vec<_> = groups
            .iter()
            .flat_map(|group| &group.notes)
            .map(|note| format!("- {note}\n"))
            .collect();
        let described = machine::described();
        write(path, format!("{described}\n\n{}\n{}", table::markdown(&rows), notes.concat()));
    }
}

fn write(path: &std::path::Path, text: String) {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).expect("a folder to write to");
    }
    std::fs::write(path, text).expect("a file to write to");
    println!("written: {}", path.display());
}
