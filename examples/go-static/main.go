// Greet says who it runs as and which version it is.
package main

import (
	"os"
	"strconv"
)

var version = "unknown"

func main() {
	os.Stdout.WriteString("Hello from " + version + ", as user " + strconv.Itoa(os.Getuid()) + "\n")
}
