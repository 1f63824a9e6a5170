//! A server that speaks as much TDS 8.0 as a test needs: it records every batch and answers as it is told.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod table;
pub mod wire;
pub mod world;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{AlpnError, SslAcceptor, SslMethod, SslStream, select_next_proto};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509NameBuilder};

/// What the server does with a batch.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Success without rows.
    Done,
    /// Rows of text columns.
    Rows(Vec<Vec<String>>),
    /// Rows of columns with names and types.
    Table(Vec<(&'static str, Type)>, Vec<Vec<Cell>>),
    /// The same row so many times, which are sent as they are made.
    Repeat(Vec<(&'static str, Type)>, Vec<Cell>, usize),
    /// Success with a number of rows.
    Count(u64),
    /// An error with this number and message.
    Error(u32, String),
    /// To a login: go to this port of localhost.
    Route(u16),
    /// Silence until an attention comes, which is confirmed.
    Stall,
    /// The first packet of an answer, with half a value at its end, and then the same.
    StallAmidst,
    /// Silence, whatever comes.
    Deaf,
    /// The end of the connection.
    Drop,
}

/// Type of a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Type {
    Bit,
    TinyInt,
    SmallInt,
    BigInt,
    Int,
    Real,
    Float,
    Text,
    /// nvarchar or varchar, of so many bytes.
    Chars {
        wide: bool,
        bytes: u16,
    },
    /// nvarchar or varchar of 8000 bytes in this collation; the cells of the latter are bytes.
    Collated {
        wide: bool,
        collation: [u8; 5],
    },
    Bytes,
    /// varbinary of so many bytes.
    Binary(u16),
    /// nvarchar(max)
    LongText,
    /// varbinary(max)
    LongBytes,
    Guid,
    Date,
    /// datetime2(7), whose cells are bytes.
    DateTime2,
    /// datetime, whose cells are bytes.
    DateTime,
    /// decimal(18,4), whose cells are ten-thousandths.
    Decimal,
    /// money, whose cells are ten-thousandths.
    Money,
    Xml,
    /// sql_variant
    Variant,
    /// A type that takes no NULL, as a fixed one of the wire.
    Fixed(&'static Type),
}

/// A value of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Null,
    Int(i64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
}

/// Latin1_General_CI_AS
const COLLATION: [u8; 5] = [0x09, 0x04, 0xD0, 0, 0x34];

impl Type {
    /// The type that T-SQL writes so; one that a client of this age does not know comes as text.
    pub fn of(sql: &str, nullable: bool) -> Type {
        let (name, length) = sql.trim_end_matches(')').split_once('(').unwrap_or((sql, ""));
        let bytes = length.parse::<u16>().unwrap_or(0xFFFF);
        let wide = bytes.saturating_mul(2);
        let wide = if bytes == 0xFFFF { 0xFFFF } else { wide };
        match (name, nullable) {
            ("bit", true) => Type::Bit,
            ("tinyint", true) => Type::TinyInt,
            ("smallint", true) => Type::SmallInt,
            ("int", true) => Type::Int,
            ("bigint", true) => Type::BigInt,
            ("real", true) => Type::Real,
            ("float", true) => Type::Float,
            ("bit", false) => Type::Fixed(&Type::Bit),
            ("tinyint", false) => Type::Fixed(&Type::TinyInt),
            ("smallint", false) => Type::Fixed(&Type::SmallInt),
            ("int", false) => Type::Fixed(&Type::Int),
            ("bigint", false) => Type::Fixed(&Type::BigInt),
            ("real", false) => Type::Fixed(&Type::Real),
            ("float", false) => Type::Fixed(&Type::Float),
            ("varchar", _) => Type::Chars { wide: false, bytes },
            ("nvarchar", _) => Type::Chars { wide: true, bytes: wide },
            ("varbinary", _) => Type::Binary(bytes),
            ("uniqueidentifier", _) => Type::Guid,
            _ => panic!("a bulk load into {sql}"),
        }
    }

    fn describe(self, out: &mut Vec<u8>) {
        match self {
            Type::Bit => out.extend([0x68, 1]),
            Type::TinyInt => out.extend([0x26, 1]),
            Type::SmallInt => out.extend([0x26, 2]),
            Type::Int => out.extend([0x26, 4]),
            Type::BigInt => out.extend([0x26, 8]),
            Type::Real => out.extend([0x6D, 4]),
            Type::Float => out.extend([0x6D, 8]),
            Type::Text => Type::Chars { wide: true, bytes: 8000 }.describe(out),
            Type::LongText => Type::Chars { wide: true, bytes: 0xFFFF }.describe(out),
            Type::Chars { wide, bytes } => {
                out.push(if wide { 0xE7 } else { 0xA7 });
                out.extend(bytes.to_le_bytes());
                out.extend(COLLATION);
            }
            Type::Collated { wide, collation } => {
                Type::Chars { wide, bytes: 8000 }.describe(out);
                let end = out.len();
                out[end - collation.len()..].copy_from_slice(&collation);
            }
            Type::Bytes => Type::Binary(8000).describe(out),
            Type::LongBytes => Type::Binary(0xFFFF).describe(out),
            Type::Binary(bytes) => {
                out.push(0xA5);
                out.extend(bytes.to_le_bytes());
            }
            Type::Guid => out.extend([0x24, 16]),
            Type::Date => out.push(0x28),
            Type::DateTime2 => out.extend([0x2A, 7]),
            Type::DateTime => out.extend([0x6F, 8]),
            Type::Decimal => out.extend([0x6A, 17, 18, 4]),
            Type::Money => out.extend([0x6E, 8]),
            Type::Xml => out.extend([0xF1, 0]),
            Type::Variant => out.extend([0x62, 0x49, 0x1F, 0, 0]),
            Type::Fixed(of) => out.push(match of {
                Type::Bit => 0x32,
                Type::TinyInt => 0x30,
                Type::SmallInt => 0x34,
                Type::Int => 0x38,
                Type::BigInt => 0x7F,
                Type::Real => 0x3B,
                Type::Float => 0x3E,
                other => panic!("{other:?}"),
            }),
        }
    }

    fn write(self, cell: &Cell, out: &mut Vec<u8>) {
        let (long, max) = match self {
            Type::Text | Type::Bytes | Type::Collated { .. } => (true, false),
            Type::Chars { bytes, .. } | Type::Binary(bytes) => (true, bytes == 0xFFFF),
            Type::LongText | Type::LongBytes | Type::Xml => (true, true),
            _ => (false, false),
        };
        let bytes = match (self, cell) {
            (_, Cell::Null) if max => return out.extend([0xFF; 8]),
            (_, Cell::Null) if long => return out.extend([0xFF, 0xFF]),
            (Type::Variant, Cell::Null) => return out.extend([0; 4]),
            (_, Cell::Null) => return out.push(0),
            (Type::Bit | Type::TinyInt, Cell::Int(v)) => vec![*v as u8],
            (Type::SmallInt, Cell::Int(v)) => (*v as i16).to_le_bytes().to_vec(),
            (Type::BigInt, Cell::Int(v)) => v.to_le_bytes().to_vec(),
            (Type::Int, Cell::Int(v)) => (*v as i32).to_le_bytes().to_vec(),
            (Type::Real, Cell::Float(v)) => (*v as f32).to_le_bytes().to_vec(),
            (Type::Float, Cell::Float(v)) => v.to_le_bytes().to_vec(),
            (Type::Decimal, Cell::Int(v)) => {
                [&[u8::from(*v >= 0)][..], &u128::from(v.unsigned_abs()).to_le_bytes()].concat()
            }
            // The high half comes first.
            (Type::Money, Cell::Int(v)) => {
                [((v >> 32) as i32).to_le_bytes(), (*v as i32).to_le_bytes()].concat()
            }
            (Type::Text | Type::LongText | Type::Xml | Type::Chars { wide: true, .. }, Cell::Text(v))
            | (Type::Collated { wide: true, .. }, Cell::Text(v)) => utf16(v),
            (_, Cell::Bytes(v)) => v.clone(),
            other => panic!("{other:?}"),
        };
        if max {
            out.extend((bytes.len() as u64).to_le_bytes());
            if !bytes.is_empty() {
                out.extend((bytes.len() as u32).to_le_bytes());
                out.extend(bytes);
            }
            return out.extend([0; 4]);
        }
        if long {
            out.extend((bytes.len() as u16).to_le_bytes());
        } else {
            out.push(bytes.len() as u8);
        }
        out.extend(bytes);
    }
}

impl Answer {
    pub fn word(word: &str) -> Answer {
        Answer::Rows(vec![vec![word.into()]])
    }
}

/// A certificate for the host localhost that vouches for itself, and its key.
pub fn certificate() -> (X509, PKey<Private>) {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    (Certificate::default().signed_with(&key), key)
}

/// Kinds of such a certificate, old ones too.
pub struct Certificate {
    pub name: &'static str,
    /// X.509 version.
    pub version: i32,
    pub digest: MessageDigest,
    /// Whether it is that of an authority.
    pub authority: bool,
    pub expired: bool,
}

impl Default for Certificate {
    fn default() -> Certificate {
        Certificate {
            name: "localhost",
            version: 3,
            digest: MessageDigest::sha256(),
            authority: false,
            expired: false,
        }
    }
}

impl Certificate {
    pub fn signed_with(&self, key: &PKey<Private>) -> X509 {
        let mut name = X509NameBuilder::new().unwrap();
        name.append_entry_by_text("CN", self.name).unwrap();
        let name = name.build();
        let mut builder = X509::builder().unwrap();
        builder.set_version(self.version - 1).unwrap();
        builder.set_serial_number(&BigNum::from_u32(7).unwrap().to_asn1_integer().unwrap()).unwrap();
        builder.set_subject_name(&name).unwrap();
        builder.set_issuer_name(&name).unwrap();
        builder.set_pubkey(key).unwrap();
        builder.set_not_before(&Asn1Time::from_unix(0).unwrap()).unwrap();
        let end = if self.expired { Asn1Time::from_unix(1) } else { Asn1Time::days_from_now(2) };
        builder.set_not_after(&end.unwrap()).unwrap();
        if self.version == 3 {
            let mut names = SubjectAlternativeName::new();
            let names = names.dns("localhost");
            let names = names.build(&builder.x509v3_context(None, None)).unwrap();
            builder.append_extension(names).unwrap();
        }
        if self.authority {
            builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
        }
        builder.sign(key, self.digest).unwrap();
        builder.build()
    }
}

type Stream = SslStream<TcpStream>;
type Behaviour = dyn FnMut(&str) -> Answer + Send;

/// The server, on a port of its own.
pub struct Server {
    pub port: u16,
    log: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts one that answers the login, and then each batch, as `behaviour` says. The login comes as the text "login".
    pub fn start(certificate_file: &Path, behaviour: impl FnMut(&str) -> Answer + Send + 'static) -> Server {
        let (certificate, key) = certificate();
        std::fs::write(certificate_file, certificate.to_pem().unwrap()).unwrap();
        let mut acceptor = SslAcceptor::mozilla_intermediate(SslMethod::tls()).unwrap();
        acceptor.set_private_key(&key).unwrap();
        acceptor.set_certificate(&certificate).unwrap();
        acceptor.set_alpn_select_callback(|_, offered| {
            select_next_proto(b"\x07tds/8.0", offered).ok_or(AlpnError::NOACK)
        });
        let acceptor = acceptor.build();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let log = Arc::new(Mutex::new(Vec::new()));
        let (log_of_thread, mut behaviour) = (log.clone(), behaviour);
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                // As the real one does. Else the second part of an answer waits until the client has said that it has the first.
                socket.set_nodelay(true).unwrap();
                // A client that gives up in the handshake ends its connection only.
                if let Ok(mut stream) = acceptor.accept(socket) {
                    let _ = serve(&mut stream, &log_of_thread, &mut behaviour);
                }
            }
        });
        Server { port, log }
    }

    /// The batches so far.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    pub fn clear(&self) {
        self.log.lock().unwrap().clear();
    }
}

fn serve(stream: &mut Stream, log: &Mutex<Vec<String>>, behaviour: &mut Behaviour) -> std::io::Result<()> {
    let mut declared = Vec::new();
    loop {
        let Some((kind, body)) = message(stream, behaviour)? else { return Ok(()) };
        let (text, answer) = match kind {
            // Pre-login: version 16, encryption on.
            0x12 => {
                let options = [0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xFF, 16, 0, 0, 0, 0, 0, 1];
                send(stream, &options)?;
                continue;
            }
            0x10 => ("login".to_string(), behaviour("login")),
            0x01 => {
                let headers = u32::from_le_bytes(body[..4].try_into().unwrap()) as usize;
                let units: Vec<u16> =
                    body[headers..].chunks_exact(2).map(|c| u16::from_le_bytes([c[0], c[1]])).collect();
                let text = String::from_utf16(&units).unwrap();
                if text.starts_with("INSERT BULK ") {
                    declared = wire::declared(&text);
                }
                let answer = behaviour(&text);
                (text, answer)
            }
            // A bulk load comes as "bulk" and its rows, one a line; what a server refuses is refused.
            0x07 => match wire::bulk_rows(&declared, &body) {
                Ok(rows) => {
                    let line =
                        |row: &Vec<Cell>| row.iter().map(Cell::to_string).collect::<Vec<_>>().join("|");
                    let text = format!("bulk\n{}", rows.iter().map(line).collect::<Vec<_>>().join("\n"));
                    let answer = behaviour(&text);
                    (text, answer)
                }
                Err(why) => (format!("refused {why}"), Answer::Error(4816, why)),
            },
            // A call comes as "call", the statement, and its parameters, one a line.
            0x03 => match wire::call(&body) {
                Ok((statement, values)) => {
                    let values: Vec<String> = values.iter().map(Cell::to_string).collect();
                    let text = format!("call\n{statement}\n--\n{}", values.join("\n"));
                    let answer = behaviour(&text);
                    (text, answer)
                }
                Err(why) => (format!("refused {why}"), Answer::Error(8016, why)),
            },
            other => panic!("a message of type {other:#x}"),
        };
        log.lock().unwrap().push(text);
        let mut out = Vec::new();
        match answer {
            Answer::Done if kind == 0x10 => {
                // LoginAck for TDS 7.4 and beyond.
                let program = utf16("test");
                let body = [&[1, 0x74, 0, 0, 4, 4][..], &program, &[16, 0, 0, 0]].concat();
                token(&mut out, 0xAD, &body);
                done(&mut out, 0, 0);
            }
            Answer::Done => done(&mut out, 0, 0),
            Answer::Count(rows) => done(&mut out, 0x10, rows),
            Answer::Rows(rows) => {
                let columns = vec![("c", Type::Text); rows.first().map_or(1, Vec::len)];
                let rows: Vec<Vec<Cell>> =
                    rows.into_iter().map(|r| r.into_iter().map(Cell::Text).collect()).collect();
                table(&mut out, &columns, &rows);
            }
            Answer::Table(columns, rows) => table(&mut out, &columns, &rows),
            Answer::Repeat(columns, row, count) => {
                describe(&mut out, &columns);
                let mut one = Vec::new();
                write_row(&mut one, &columns, &row);
                let mut packets = 0u8;
                for _ in 0..count {
                    out.extend_from_slice(&one);
                    let whole = out.len() / PACKET * PACKET;
                    for piece in out[..whole].chunks(PACKET) {
                        packet(stream, piece, packets, false)?;
                        packets = packets.wrapping_add(1);
                    }
                    out.drain(..whole);
                }
                done(&mut out, 0x10, count as u64);
            }
            Answer::Error(number, message) => {
                let mut body = number.to_le_bytes().to_vec();
                body.extend([1, 16]);
                body.extend((message.encode_utf16().count() as u16).to_le_bytes());
                body.extend(utf16(&message));
                // No server's name, no procedure, line 1.
                body.extend([0, 0, 1, 0, 0, 0]);
                token(&mut out, 0xAA, &body);
                done(&mut out, 2, 0);
            }
            Answer::Route(port) => {
                let host = utf16("localhost");
                // TCP, port, host; then no old value.
                let mut value = vec![0];
                value.extend(port.to_le_bytes());
                value.extend((host.len() as u16 / 2).to_le_bytes());
                value.extend(host);
                let length = (value.len() as u16).to_le_bytes();
                token(&mut out, 0xE3, &[&[20][..], &length, &value, &[0, 0]].concat());
                done(&mut out, 0, 0);
            }
            Answer::Stall => attention(stream, log, behaviour, &mut out)?,
            Answer::StallAmidst => {
                describe(&mut out, &[("c", Type::Bytes)]);
                // A row whose value has 9 bytes, of which 3 come.
                out.extend([0xD1, 9, 0, 1, 2, 3]);
                packet(stream, &out, 0, false)?;
                stream.flush()?;
                out.clear();
                attention(stream, log, behaviour, &mut out)?;
            }
            Answer::Deaf => loop {
                std::thread::park();
            },
            Answer::Drop => return Ok(()),
        }
        send(stream, &out)?;
    }
}

/// Waits for an attention: one packet of nothing. It is logged, and confirmed as a server does.
fn attention(
    stream: &mut Stream,
    log: &Mutex<Vec<String>>,
    behaviour: &mut Behaviour,
    out: &mut Vec<u8>,
) -> std::io::Result<()> {
    let Some((kind, body)) = message(stream, behaviour)? else {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    };
    assert_eq!((kind, body.len()), (0x06, 0), "not an attention");
    log.lock().unwrap().push("attention".into());
    behaviour("attention");
    done(out, 0x20, 0);
    Ok(())
}

/// One message: its type and the bodies of its packets. A bulk load may be dropped, or no longer read, at its first packet of
/// several: the behaviour is asked with the text "bulk begins".
fn message(stream: &mut Stream, behaviour: &mut Behaviour) -> std::io::Result<Option<(u8, Vec<u8>)>> {
    let mut out = Vec::new();
    loop {
        let mut header = [0; 8];
        stream.read_exact(&mut header)?;
        let length = usize::from(u16::from_be_bytes([header[2], header[3]])) - 8;
        let start = out.len();
        out.resize(start + length, 0);
        stream.read_exact(&mut out[start..])?;
        if header[1] & 1 == 1 {
            return Ok(Some((header[0], out)));
        }
        if header[0] == 0x07 && start == 0 {
            match behaviour("bulk begins") {
                Answer::Drop => return Ok(None),
                Answer::Deaf => loop {
                    std::thread::park();
                },
                _ => {}
            }
        }
    }
}

/// Bytes of a packet behind its header.
const PACKET: usize = 4000;

fn packet(stream: &mut Stream, body: &[u8], number: u8, last: bool) -> std::io::Result<()> {
    let length = (body.len() as u16 + 8).to_be_bytes();
    stream.write_all(&[4, u8::from(last), length[0], length[1], 0, 0, number.wrapping_add(1), 0])?;
    stream.write_all(body)
}

fn send(stream: &mut Stream, body: &[u8]) -> std::io::Result<()> {
    let pieces = body.len().div_ceil(PACKET);
    for (n, piece) in body.chunks(PACKET).enumerate() {
        packet(stream, piece, n as u8, n + 1 == pieces)?;
    }
    stream.flush()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn token(out: &mut Vec<u8>, kind: u8, body: &[u8]) {
    out.push(kind);
    out.extend((body.len() as u16).to_le_bytes());
    out.extend(body);
}

fn describe(out: &mut Vec<u8>, columns: &[(&str, Type)]) {
    out.push(0x81);
    out.extend((columns.len() as u16).to_le_bytes());
    for (name, column) in columns {
        // Nullable or not, and writable.
        out.extend([0, 0, 0, 0, if matches!(column, Type::Fixed(_)) { 8 } else { 9 }, 0]);
        column.describe(out);
        out.push(name.encode_utf16().count() as u8);
        out.extend(utf16(name));
    }
}

fn write_row(out: &mut Vec<u8>, columns: &[(&str, Type)], row: &[Cell]) {
    out.push(0xD1);
    row.iter().zip(columns).for_each(|(cell, (_, column))| column.write(cell, out));
}

fn table(out: &mut Vec<u8>, columns: &[(&str, Type)], rows: &[Vec<Cell>]) {
    describe(out, columns);
    rows.iter().for_each(|row| write_row(out, columns, row));
    done(out, 0x10, rows.len() as u64);
}

fn done(out: &mut Vec<u8>, status: u16, rows: u64) {
    out.push(0xFD);
    out.extend(status.to_le_bytes());
    out.extend([0, 0]);
    out.extend(rows.to_le_bytes());
}
