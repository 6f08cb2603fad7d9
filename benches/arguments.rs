//! The arguments of the command line.

use std::env;
use std::path::PathBuf;
use std::str::FromStr;

use crate::memory::Filling;
use crate::subjects::{SUBJECTS, Subject};

/// What this process is to do: compare, or one of the parts that run in a process of their own.
pub(crate) enum Arguments {
    Run(Run),
    Serve { subject: &'static Subject, depth: usize },
    CountInstructions { subject: &'static Subject, requests: usize },
    Fill { filling: Filling, count: usize },
    State { path: PathBuf },
    FillStore { case: usize },
}

/// How to compare.
pub(crate) struct Run {
    /// Everything once, to see that it answers rightly.
    pub(crate) brief: bool,
    /// Only what has this in its name, that of its group before it.
    pub(crate) only: Option<String>,
    /// Instructions a request instead of times.
    pub(crate) instructions: bool,
    pub(crate) chart: PathBuf,
    pub(crate) markdown: Option<PathBuf>,
}

impl Arguments {
    /// Ends the process where it does not understand.
    pub(crate) fn read() -> Self {
        // Cargo adds one by itself, and at the end, where it would pass for the value of what comes before it.
        Self::parse(env::args().skip(1).filter(|argument| argument != "--bench")).unwrap_or_else(|problem| {
            eprintln!("{problem}");
            eprintln!(
                "arguments: [--test] [--only TEXT] [--instructions] [--chart PATH] [--markdown PATH] [--state PATH]"
            );
            std::process::exit(2)
        })
    }

    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut run = Run {
            brief: false,
            only: None,
            instructions: false,
            chart: PathBuf::from(concat!(env!("CARGO_TARGET_TMPDIR"), "/speed.svg")),
            markdown: None,
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--test" => run.brief = true,
                "--only" => run.only = Some(value()?),
                "--instructions" => run.instructions = true,
                "--chart" => run.chart = in_workspace(&value()?),
                "--markdown" => run.markdown = Some(in_workspace(&value()?)),
                "--state" => return Ok(Self::State { path: in_workspace(&value()?) }),
                "fill-store" => return Ok(Self::FillStore { case: number(&value()?)? }),
                "serve" => {
                    return Ok(Self::Serve {
                        subject: subject(&value()?)?,
                        depth: number(&value()?)?,
                    });
                }
                "count-instructions" => {
                    return Ok(Self::CountInstructions {
                        subject: subject(&value()?)?,
                        requests: number(&value()?)?,
                    });
                }
                "fill" => {
                    let name = value()?;
                    let filling =
                        Filling::named(&name).ok_or_else(|| format!("{name} is no filling"))?;
                    return Ok(Self::Fill { filling, count: number(&value()?)? });
                }
                _ => return Err(format!("{argument} is no argument")),
            }
        }
        Ok(Self::Run(run))
    }
}

impl Run {
    /// Whether to measure the subject with this name.
    pub(crate) fn wants(&self, group: &str, name: &str) -> bool {
        self.only.as_deref().is_none_or(|only| format!("{group}: {name}").contains(only))
    }
}

/// A path in the workspace. Cargo starts a benchmark in the folder of its package.
fn in_workspace(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(path)
}

fn subject(name: &str) -> Result<&'static Subject, String> {
    SUBJECTS
        .iter()
        .find(|subject| subject.name == name)
        .ok_or_else(|| format!("{name} is no subject"))
}

fn number(text: &str) -> Result<usize, String> {
    usize::from_str(text).map_err(|error| format!("{text}: {error}"))
}
