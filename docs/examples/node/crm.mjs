/*
A small CRM on relay.db with Node's own SQLite (Node 22.13 or newer, no packages).

    node crm.mjs relay.db timeline LEAD [AT ID]   a page of a lead's mail; AT ID: where the page before ended
    node crm.mjs relay.db unknown                 mail that is on no lead
    node crm.mjs relay.db adopt MESSAGE           make a lead of the stranger on it
    node crm.mjs relay.db page MESSAGE            the message as a web page that is safe to show
    node crm.mjs relay.db attachment PART         the octets of an attachment
    node crm.mjs relay.db follow [FEED SEQ]       changes as they come
    node crm.mjs relay.db merge LEAD INTO
    node crm.mjs relay.db delete LEAD
    node crm.mjs relay.db remind LEAD TEXT        a table of our own: x_reminder
    node crm.mjs relay.db reminders LEAD
*/
import { existsSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';

const PAGE = 50;

function connect(path) {
  if (!existsSync(path)) throw new Error(`no database ${path}`); // SQLite would make a new and empty one
  const db = new DatabaseSync(path);
  db.exec('PRAGMA busy_timeout = 5000'); // wait for another writer; node's own default is not to wait at all
  db.exec('PRAGMA wal_autocheckpoint = 0'); // the relay folds the write-ahead log; old libraries have a bug there
  return db;
}

/** The rows of a query, all of them: an iterator left open would hold the write-ahead log. */
const query = (db, sql, ...values) => db.prepare(sql).all(...values);

/** A short transaction that has the write lock from its first statement on. No await inside: others are waiting. */
function writing(db, work) {
  db.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    db.exec('COMMIT');
    return result;
  } catch (error) {
    db.exec('ROLLBACK');
    throw error;
  }
}

/** A page, newest first. The next one begins after the last row of this one, so a deep page costs what the first costs. */
function timeline(db, lead, at = '~', id = 0) {
  return query(
    db,
    `SELECT originated_at, message_id, direction, author_name, author_address, subject, snippet, attachment_count
       FROM lead_timeline WHERE lead_id = ? AND (originated_at, message_id) < (?, ?)
      ORDER BY originated_at DESC, message_id DESC LIMIT ?`,
    Number(lead), at, Number(id), PAGE,
  );
}

function unknown(db) {
  return query(
    db,
    `SELECT message_id, originated_at, party_name, party_address, subject, why FROM unresolved_message
      ORDER BY originated_at DESC, message_id DESC LIMIT ?`,
    PAGE,
  );
}

/** A new lead of the outside party. All mail of the address, old and new, is on the lead when this returns. */
function adopt(db, message) {
  return writing(db, () => {
    const sql = 'SELECT party_name, party_address FROM unresolved_message WHERE message_id = ?';
    const [row] = query(db, sql, Number(message));
    if (!row?.party_address) throw new Error(`message ${message} waits for nobody, or has no party outside`);
    const insert = db.prepare('INSERT INTO lead (name) VALUES (?)');
    const lead = insert.run(row.party_name || row.party_address).lastInsertRowid;
    db.prepare('INSERT INTO lead_address (lead_id, address) VALUES (?, ?)').run(lead, row.party_address);
    return lead;
  });
}

const PICTURES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp']; // never SVG: it can hold scripts
const POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";
const CHARACTERS = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Whatever a stranger wrote. */
const e = (text) => String(text ?? '').replace(/[&<>"']/g, (character) => CHARACTERS[character]);

/** The message as a page of its own. Send POLICY as the header Content-Security-Policy too. */
function page(db, message) {
  const [m] = query(
    db,
    `SELECT m.subject, m.author_name, m.author_address, m.originated_at, t.text, t.html FROM message m
       JOIN message_text t ON t.message_id = m.id WHERE m.id = ? AND m.visibility = 'all'`,
    Number(message),
  );
  if (!m) throw new Error(`no message ${message}`);
  // Its own origin, no scripts, no forms; links open outside the frame.
  const inner = `<base target="_blank">${withPictures(db, Number(message), m.html)}`;
  const body = m.html
    ? `<iframe sandbox="allow-popups allow-popups-to-escape-sandbox" srcdoc="${e(inner)}"></iframe>`
    : `<pre>${e(m.text)}</pre>`;
  const files = query(
    db,
    `SELECT id, filename, size FROM part WHERE message_id = ? AND kind = 'attachment' ORDER BY position`,
    Number(message),
  ).map((part) => `<li><a href="attachment/${part.id}">${e(part.filename)}</a> ${part.size} B</li>`);
  return (
    `<!DOCTYPE html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${POLICY}">` +
    `<title>${e(m.subject)}</title><style>iframe { width: 100%; height: 30em; border: 0 }</style>` +
    `<h1>${e(m.subject)}</h1><p>${e(m.author_name)} &lt;${e(m.author_address)}&gt;, ${m.originated_at}</p>` +
    `${body}<ul>${files.join('')}</ul>\n`
  );
}

/** The HTML with its `cid:` images put in. Nothing else in it loads anything. */
function withPictures(db, message, markup) {
  return markup.replace(/src="cid:([^"]*)"/g, (_, written) => {
    const plain = written.replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
    let contentId = plain;
    try {
      contentId = decodeURIComponent(plain);
    } catch {} // not percent-encoded after all
    const [row] = query(
      db,
      `SELECT p.media_type, b.content FROM part p JOIN blob b ON b.digest = p.digest
        WHERE p.message_id = ? AND p.content_id = ? LIMIT 1`,
      message, contentId,
    );
    if (!row || !PICTURES.includes(row.media_type)) return 'src=""';
    return `src="data:${row.media_type};base64,${Buffer.from(row.content).toString('base64')}"`;
  });
}

/** The octets. Send them as application/octet-stream, Content-Disposition: attachment, X-Content-Type-Options: nosniff. */
function attachment(db, part) {
  const [row] = query(
    db,
    `SELECT b.content FROM part p JOIN blob b ON b.digest = p.digest JOIN message m ON m.id = p.message_id
      WHERE p.id = ? AND m.visibility = 'all'`,
    Number(part),
  );
  if (!row) throw new Error(`no part ${part}`);
  return row.content;
}

/** Changes for ever, as [feedId, row]; the row is null when everything has to be read again. Keep feedId and seq. */
async function* follow(path, feed = '', seq = 0) {
  let [db, file, version] = [null, null, null];
  for (;;) {
    const found = statSync(path, { throwIfNoEntry: false })?.ino;
    if (found === undefined) { // being restored
      await sleep(200);
      continue;
    }
    if (found !== file) { // the first time, and after a restore put another file there
      db?.close();
      [db, file, version] = [connect(path), found, null];
    }
    const now = query(db, 'PRAGMA data_version')[0].data_version; // changes when somebody writes; costs microseconds
    if (now === version) {
      await sleep(200);
      continue;
    }
    db.exec('BEGIN'); // the feed's name and its rows of one moment; and no snapshot is held while we sleep
    const [contract] = query(db, 'SELECT feed_id, oldest_seq FROM contract');
    const [newest] = query(db, 'SELECT coalesce(max(seq), 0) AS seq FROM change');
    let rows = query(db, 'SELECT * FROM change WHERE seq > ? ORDER BY seq LIMIT 1000', seq);
    db.exec('COMMIT');
    if (contract.feed_id !== feed || seq < contract.oldest_seq - 1) {
      [feed, seq, rows] = [contract.feed_id, newest.seq, []];
      yield [feed, null];
    }
    for (const row of rows) {
      seq = row.seq;
      yield [feed, row];
    }
    version = rows.length === 1000 ? null : now;
  }
}

/** Addresses, deals and decisions go along by themselves. Our own rows are ours to move. */
function merge(db, lead, into) {
  ownTables(db);
  writing(db, () => {
    db.prepare('UPDATE lead SET merged_into = ? WHERE id = ?').run(Number(into), Number(lead));
    db.prepare('UPDATE x_reminder SET lead_id = ? WHERE lead_id = ?').run(Number(into), Number(lead));
  });
}

/** Its mail leaves every timeline at once and floods no list. The relay removes its addresses and deals later. */
function remove(db, lead) {
  ownTables(db);
  writing(db, () => {
    db.prepare('DELETE FROM lead WHERE id = ?').run(Number(lead));
    db.prepare('DELETE FROM x_reminder WHERE lead_id = ?').run(Number(lead));
  });
}

/** Tables named x_* are ours; the relay never touches them. */
function ownTables(db) {
  db.exec('CREATE TABLE IF NOT EXISTS x_reminder (id INTEGER PRIMARY KEY, lead_id INTEGER NOT NULL, text TEXT NOT NULL)');
}

function remind(db, lead, text) {
  ownTables(db);
  writing(db, () => db.prepare('INSERT INTO x_reminder (lead_id, text) VALUES (?, ?)').run(Number(lead), text) && null);
}

function reminders(db, lead) {
  ownTables(db);
  return query(db, 'SELECT id, text FROM x_reminder WHERE lead_id = ? ORDER BY id', Number(lead));
}

const [path, command, ...words] = process.argv.slice(2);
if (command === 'follow') {
  for await (const [feed, row] of follow(path, words[0], Number(words[1] ?? 0))) {
    console.log(JSON.stringify(row ?? { start_over: feed }));
  }
}
const commands = { timeline, unknown, adopt, page, attachment, merge, delete: remove, remind, reminders };
if (!commands[command]) {
  console.error('node crm.mjs relay.db COMMAND: see the first lines of this file');
  process.exit(2);
}
try {
  const result = commands[command](connect(path), ...words);
  if (Array.isArray(result)) for (const row of result) console.log(JSON.stringify(row));
  else if (result instanceof Uint8Array || typeof result === 'string') process.stdout.write(result);
  else if (result != null) console.log(String(result));
} catch (error) { // "database is locked": somebody holds the write lock, try again
  console.error(error.message);
  process.exitCode = 1;
}
