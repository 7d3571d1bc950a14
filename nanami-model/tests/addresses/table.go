// Reads KIND<tab>HEX lines and writes what net/netip makes of each text; table.py runs it.
package main

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"strings"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		kind, digits, _ := strings.Cut(lines.Text(), "\t")
		text, err := hex.DecodeString(digits)
		if err != nil {
			panic(err)
		}
		fmt.Println(read(kind, string(text)))
	}
}

func read(kind, text string) string {
	if kind == "address" {
		if address, err := netip.ParseAddr(text); err == nil {
			return strings.ReplaceAll(address.String(), "\n", " ")
		}
	} else if prefix, err := netip.ParsePrefix(text); err == nil {
		return prefix.String()
	}
	return "-"
}
