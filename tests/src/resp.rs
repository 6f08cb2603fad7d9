//! A client of the Redis protocol, for the commands of tests.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// The time limit of a reply. A suspended server does not reply.
const LIMIT: Duration = Duration::from_secs(5);

/// A connection to a server on this machine.
#[derive(Debug)]
pub struct Resp {
    stream: BufReader<TcpStream>,
}

impl Resp {
    /// Connects to a port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// An I/O error if the server does not accept the connection.
    pub fn open(port: u16, password: Option<&str>) -> io::Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let stream = TcpStream::connect_timeout(&address, LIMIT)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        let mut resp = Self { stream: BufReader::new(stream) };
        if let Some(password) = password {
            resp.send(&["AUTH", password])?;
        }
        Ok(resp)
    }

    /// Sends a command. Returns the reply in the format of `redis-cli`: one line per element of an
    /// array, an empty line for a null value, and the text of an error.
    ///
    /// # Errors
    ///
    /// An I/O error if the reply is missing or malformed.
    pub fn send(&mut self, command: &[&str]) -> io::Result<String> {
        Ok(self.send_all(&[command])?.remove(0))
    }

    /// Sends several commands at once. Returns one reply per command.
    ///
    /// # Errors
    ///
    /// An I/O error if a reply is missing or malformed.
    pub fn send_all<W: AsRef<str>>(
        &mut self,
        commands: &[impl AsRef<[W]>],
    ) -> io::Result<Vec<String>> {
        let mut request = Vec::new();
        for command in commands {
            let command = command.as_ref();
            write!(request, "*{}\r\n", command.len())?;
            for word in command {
                let word = word.as_ref();
                write!(request, "${}\r\n{word}\r\n", word.len())?;
            }
        }
        self.stream.get_mut().write_all(&request)?;
        let reply = |_| {
            let mut lines = Vec::new();
            self.read_reply(&mut lines)?;
            Ok(lines.join("\n").trim_end().to_owned())
        };
        commands.iter().map(reply).collect()
    }

    fn read_reply(&mut self, lines: &mut Vec<String>) -> io::Result<()> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let line = line.strip_suffix("\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
        let (kind, rest) = line.split_at_checked(1).ok_or(io::ErrorKind::InvalidData)?;
        let length = || rest.parse::<i64>().map_err(io::Error::other);
        match kind {
            "$" => match usize::try_from(length()?) {
                Ok(length) => {
                    let mut bytes = vec![0; length + 2];
                    self.stream.read_exact(&mut bytes)?;
                    lines.push(String::from_utf8_lossy(&bytes[..length]).into_owned());
                }
                Err(_) => lines.push(String::new()),
            },
            "*" => (0..length()?).try_for_each(|_| self.read_reply(lines))?,
            "+" | "-" | ":" => lines.push(rest.to_owned()),
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }
        Ok(())
    }
}
