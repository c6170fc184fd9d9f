# Run before the build is, in a checkout: says what to do if it is missing or older than the sources. A
# shell does this in a few milliseconds.
if [ ! -e dist/lawspeaker.js ]; then
  if [ ! -d node_modules ]; then
    echo 'lawspeaker: the packages are not installed. Run "npm ci": it installs them and makes the build.' >&2
    exit 2
  fi
  echo 'lawspeaker: the build in dist/ is missing. Run "npm run build".' >&2
  exit 2
fi
if [ -n "$(find src -newer dist/lawspeaker.js | head -n 1)" ]; then
  echo 'lawspeaker: the build in dist/ is older than src/. Run "npm run build" to use the changes.' >&2
fi
