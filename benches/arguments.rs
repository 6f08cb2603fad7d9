//! The arguments of the command line.

use std::env;
use std::path::PathBuf;
use std::str::FromStr;

use crate::memory::Filling;
use crate::selection::Run;
use crate::subjects::{SUBJECTS, Subject};

/// The task of this process: the comparison, or a part of it that runs in a child process.
pub(crate) enum Arguments {
    Run(Run),
    Serve { subject: &'static Subject, depth: usize },
    CountInstructions { subject: &'static Subject, requests: usize },
    Fill { filling: Filling, count: usize },
    State { path: PathBuf },
    FillStore { case: usize },
}

impl Arguments {
    /// Reads the arguments. Exits with an error if they are invalid.
    pub(crate) fn read() -> Self {
        // Cargo appends `--bench`, which would be read as the value of the last option.
        let arguments = env::args().skip(1).filter(|argument| argument != "--bench");
        Self::parse(arguments).unwrap_or_else(|error| {
            eprintln!("{error}");
            eprintln!(
                "arguments: [--test] [--only TEXT] [--instructions] [--chart PATH] \
                 [--markdown PATH] [--state PATH]"
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
                        Filling::named(&name).ok_or_else(|| format!("unknown content: {name}"))?;
                    return Ok(Self::Fill { filling, count: number(&value()?)? });
                }
                _ => return Err(format!("unknown argument: {argument}")),
            }
        }
        Ok(Self::Run(run))
    }
}

/// Returns a path relative to the workspace. Cargo starts a benchmark in the folder of its package.
fn in_workspace(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(path)
}

fn subject(name: &str) -> Result<&'static Subject, String> {
    SUBJECTS
        .iter()
        .find(|subject| subject.name == name)
        .ok_or_else(|| format!("unknown subject: {name}"))
}

fn number(text: &str) -> Result<usize, String> {
    usize::from_str(text).map_err(|error| format!("{text}: {error}"))
}
