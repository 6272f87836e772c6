#!/usr/bin/env node
// The bin. Plain ES5, so that any old node can parse it and say what it lacks; everything else is in cli.cjs.
"use strict";
var major = parseInt(process.versions.node, 10);
if (major < 24 || major === 25) {
  process.stderr.write(
    "tsbuild needs Node 24, or 26 and newer; this is Node " +
      process.versions.node +
      " (" +
      process.execPath +
      ").\n",
  );
  process.exit(1);
}

var fs = require("node:fs");
var nodeModule = require("node:module");
var os = require("node:os");
var path = require("node:path");
var vm = require("node:vm");

/** So many runs add to the cache: a first build, a cached one, and whatever else a person begins with. */
var ROUNDS = 6;

/** What is to be kept at the end of this run. */
var compiled = [];

// Compiled code is kept between runs: it halves the start. NODE_COMPILE_CACHE and NODE_DISABLE_COMPILE_CACHE are node's own and win.
var directory = process.env.NODE_DISABLE_COMPILE_CACHE
  ? undefined
  : process.env.NODE_COMPILE_CACHE || compileCacheDirectory();
if (directory !== undefined && !process.env.NODE_COMPILE_CACHE) nodeModule.enableCompileCache(directory);

var program = loadProgram(path.join(__dirname, "cli.cjs"));
program.__file = function (name) {
  return loadProgram(path.join(__dirname, name));
};
program.main(process.argv.slice(2)).then(function (code) {
  process.exitCode = code;
  saveCompiled();
  // Nothing is left to do: what idle handles would wait for is the process's own end. Output that is still on its way is waited for.
  if (process.stdout.writableLength === 0 && process.stderr.writableLength === 0) process.exit();
  return code;
});

/**
 * Runs the program as a CommonJS module, from code that V8 has compiled before. Node's own compile cache keeps a file as it was when it
 * was loaded, before any of its functions ran; what a cached build runs is worth keeping too. The cache is taken anew by the first
 * runs, until they have met most of it, and V8 refuses one that was made by another version or for another text.
 */
function loadProgram(file) {
  var known = nodeModule.Module._cache[file];
  if (known !== undefined) return known.exports;
  var text = fs.readFileSync(file, "utf8");
  var cache = directory === undefined ? undefined : compiledPath(file);
  var cached = cache === undefined ? undefined : readIfThere(cache);
  var script = new vm.Script("(function(exports,require,module,__filename,__dirname){" + text + "\n})", {
    filename: file,
    cachedData: cached === undefined ? undefined : cached.subarray(1),
  });
  var round = cached === undefined || script.cachedDataRejected ? 0 : cached[0];
  if (cache !== undefined && round < ROUNDS) {
    var before = round === 0 ? undefined : cached.subarray(1);
    compiled.push({ path: cache, script: script, round: round + 1, before: before });
  }
  var module = new nodeModule.Module(file, null);
  module.filename = file;
  module.paths = nodeModule.Module._nodeModulePaths(__dirname);
  nodeModule.Module._cache[file] = module;
  script.runInThisContext()(module.exports, nodeModule.createRequire(file), module, file, __dirname);
  module.loaded = true;
  return module.exports;
}

function saveCompiled() {
  compiled.forEach(function (one) {
    var temp = one.path + "." + process.pid;
    try {
      var data = one.script.createCachedData();
      // A long run drops code that it has not used for a while: what is there is kept where it is more.
      if (one.before !== undefined && one.before.length >= data.length) data = one.before;
      fs.writeFileSync(temp, Buffer.concat([Buffer.from([one.round]), data]));
      fs.renameSync(temp, one.path);
    } catch (error) {
      // The next run tries again.
      if (!error.code) throw error;
    }
  });
}

/** One a merged file of an installation: its path, size and time, and the version of V8, are in the name. */
function compiledPath(file) {
  var stats = fs.statSync(file);
  var name = [file, stats.size, stats.mtimeMs, process.versions.v8, process.arch].join("-");
  return path.join(directory, name.replace(/[^A-Za-z0-9.-]/g, "_").slice(-180) + ".v8");
}

function readIfThere(file) {
  try {
    return fs.readFileSync(file);
  } catch (error) {
    if (!error.code) throw error;
    return undefined;
  }
}

/** A directory of this user alone: code is loaded from it, so one that others can write is not used. */
function compileCacheDirectory() {
  var home = process.env.HOME;
  var caches = process.env.XDG_CACHE_HOME || (home ? path.join(home, ".cache") : "");
  var candidates = [path.join(os.tmpdir(), "tsbuild-" + (process.getuid ? process.getuid() : "cache"))];
  if (path.isAbsolute(caches)) candidates.unshift(path.join(caches, "tsbuild"));
  for (var i = 0; i < candidates.length; i += 1) {
    var candidate = path.join(candidates[i], "compile");
    try {
      fs.mkdirSync(candidate, { recursive: true, mode: 448 });
      fs.accessSync(candidate, fs.constants.W_OK);
      if (isOurs(candidates[i]) && isOurs(candidate)) return candidate;
    } catch (error) {
      // Not writable: the next one, or none.
      if (!error.code) throw error;
    }
  }
  return undefined;
}

function isOurs(folder) {
  var stats = fs.lstatSync(folder);
  if (!stats.isDirectory()) return false;
  return !process.getuid || (stats.uid === process.getuid() && (stats.mode & 18) === 0);
}
