//! The tables at the end, and the decision whether the run was correct.

use std::error::Error;
use std::time::Duration;

use crate::World;
use crate::samples::{Sample, cpu_micros, files_grow, growth, latency_grows, median, memory_grows};

/// Texts of a log that would be a secret.
const SECRETS: [&str; 5] = ["v4.local.", "v4.public.", "k4.local.", "k4.secret.", "mysecret"];

/// Prints the figures of each minute.
pub(crate) fn print_minutes(world: &World, samples: &[Sample], loads: &[String]) {
    let (unit, total) = (world.windows.unit, world.windows.total);
    println!("\none row per {unit:?}; without requests with passwords or during outages");
    println!(
        "\n| row | RSS | files | threads | CPU per response | p50 | p99 | load of the machine |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    let mut row = 0;
    while unit * row < total {
        let window = (unit * row, unit * (row + 1));
        let times = world.latencies.of(window);
        let of = |value: fn(&Sample) -> u64| median(samples, window, value);
        println!(
            "| {row} | {} KiB | {} | {} | {:.0} µs | {} ms | {} ms | {} |",
            of(|sample| sample.rss_kib),
            of(|sample| sample.files),
            of(|sample| sample.threads),
            cpu_micros(samples, window),
            times.quantile(0.5),
            times.quantile(0.99),
            loads.get(row as usize).map_or("", String::as_str)
        );
        row += 1;
    }
}

/// Prints the growth. Returns whether memory, files and response times do not grow.
pub(crate) fn print_growth(world: &World, samples: &[Sample]) -> bool {
    let mut is_correct = true;
    let mut print = |name: &str, before: f64, after: f64, limit: &str, grows: bool| {
        let mark = if grows { " **FAULT**" } else { "" };
        is_correct &= !grows;
        let growth = growth(before, after);
        println!("| {name} | {before:.2} | {after:.2} | {growth:+.1} % | {limit}{mark} |");
    };
    println!("\n| figure | after the warm-up | at the end | growth | allowed |");
    println!("| --- | ---: | ---: | ---: | --- |");
    let [first, last] = world.windows.memory();
    let of =
        |value: fn(&Sample) -> u64| (median(samples, first, value), median(samples, last, value));
    let (before, after) = of(|sample| sample.rss_kib);
    let grows = memory_grows(before, after);
    print("RSS in KiB, median of 5 minutes", before as f64, after as f64, "below 5 %", grows);
    let (before, after) = of(|sample| sample.files);
    let grows = files_grow(before, after);
    print("open files, median of 5 minutes", before as f64, after as f64, "none", grows);
    let (before, after) = of(|sample| sample.threads);
    print("threads, median of 5 minutes", before as f64, after as f64, "any", false);

    let windows = world.windows.latency();
    let [before, after] = windows.map(|window| cpu_micros(samples, window));
    print("CPU of the server per response in µs, 10 minutes", before, after, "any", false);
    let [before, after] = windows.map(|window| world.latencies.of(window));
    for (quantile, name, limit) in [(0.5, "p50", "any"), (0.99, "p99", "at most 10 %")] {
        let [before, after] = [&before, &after].map(|times| millis(times.quantile_time(quantile)));
        let grows = quantile > 0.9 && latency_grows(before, after);
        print(&format!("{name} in ms, 10 minutes"), before, after, limit, grows);
    }
    is_correct
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Prints the figures of the log. Returns whether it contains no panic and no secret.
pub(crate) fn print_log(world: &World) -> Result<bool, Box<dyn Error>> {
    let log = world.server.log()?;
    let count = |text: &str| log.lines().filter(|line| line.contains(text)).count();
    let panics = count("panicked");
    let secrets: usize = SECRETS.iter().map(|text| count(text)).sum();
    println!("\n| lines in the log of the server | count |\n| --- | ---: |");
    println!("| all | {} |", log.lines().count());
    println!("| audit log | {} |", count("audit: "));
    println!("| warnings | {} |", count(" WARN "));
    println!("| errors | {} |", count("ERROR "));
    println!("| panics | {panics} |");
    println!("| with a token, a key or a password | {secrets} |");
    for line in log.lines().filter(|line| line.contains("panicked")).take(20) {
        println!("log: {line}");
    }
    Ok(panics == 0 && secrets == 0)
}
